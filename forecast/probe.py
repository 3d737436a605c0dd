"""The probe: the study's own trainer on a few of its own batches, in a process of its own.

    python -m forecast.probe FOLDER JOB    `forecast.probes` starts it and reads what it prints

FOLDER holds params.yaml and prepared/ (the data); JOB is JSON: the arms to try, in order. Of each
it prints a line of JSON, a `forecast.measured.Measured`. First comes a step of the largest batch
that the study will meet, for memory; then as many usual ones as fit in a few seconds.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from forecast.clock import Clock, Span, now
from forecast.kernels import measure_kernels
from forecast.lengths import each_step, steps_of
from forecast.measured import Measured, median
from forecast.trial import arm_of, save, sharing, size_of, train
from study.arms.full import FullArm
from study.entry import process
from study.entry.errors import StudyError
from study.records import prepared
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.prepared import Prepared
from study.settings import whole
from study.settings.whole import Settings
from study.training.loop import Run, RunResult
from study.training.machine import training_device

SECONDS = 4.0  # of usual steps of one arm
FEWEST, MOST = 3, 12  # of them
WARM = 1  # of them, which meet shapes for the first time
EVALUATED = 4096  # tokens of all runs, of validation and of test
HEAD_EPOCHS = 4
HEAD_EVALUATED = 512  # sentences


def main() -> None:
    """Measure what the command line asks for."""
    print(json.dumps({"started": time.time(), "computed": time.process_time()}), flush=True)
    process.keep_freed_memory()
    folder, job = Path(sys.argv[1]), json.loads(sys.argv[2])
    settings = whole.load(folder / "params.yaml")
    arm = None
    try:
        data = prepared.load(folder / "prepared")
        for arm, rank, seeds in job["arms"]:
            found = measure(settings, data, arm, rank, seeds)
            print(json.dumps(asdict(found)), flush=True)
        if job.get("kernels"):
            print(json.dumps({"kernels": measure_kernels(settings, data)}), flush=True)
    except (torch.cuda.OutOfMemoryError, MemoryError):
        print(json.dumps({"arm": arm, "out_of_memory": True}), flush=True)
    except StudyError as error:
        print(json.dumps({"error": str(error)}), flush=True)


def measure(
    settings: Settings, data: Prepared, arm: str, rank: int | None, seeds: Sequence[int]
) -> Measured:
    """Train a few steps of one arm.

    Args:
        seeds: of the runs that train together; of full fine-tuning, which trains one by one, of
            two runs.

    Raises:
        StudyError: the settings do not fit the model.
    """
    gpu = training_device(settings.train).type == "cuda"
    start = now(gpu)
    trained = replace(settings.train, epochs=1, executor="local")
    heads = replace(settings.head_only, epochs=HEAD_EPOCHS)
    settings = replace(settings, train=trained, head_only=heads)
    whole_arm = arm_of(settings, data, arm, rank)
    size = size_of(whole_arm)
    every = whole_arm.trimmed if isinstance(whole_arm, FullArm) else data
    loaded, before = now(gpu) - start, resident()
    groups = [[Run(arm, rank, 1e-4, seed) for seed in seeds]]
    if arm == FULL:
        groups = [[run] for run in groups[0]]
    together = [run.seed for run in groups[0]]
    batch = settings.train.batch_size
    real = steps_of(every.train, together, batch)
    evaluated = max(1, int(EVALUATED / len(together) / every.test.lengths.double().mean()))
    if arm == HEAD_ONLY:  # heads classify features, very many at once
        evaluated = HEAD_EVALUATED
    ends = replace(every, test=every.test.first(evaluated))
    ends = replace(ends, validation=every.validation.first(evaluated))
    results: list[RunResult] = []
    with tempfile.TemporaryDirectory() as folder:

        def go(sentences: prepared.Split, runs: Sequence[Run], name: str) -> Clock:
            own = replace(ends, train=sentences)
            clock = Clock(gpu)
            results.extend(train(sharing(whole_arm, own), runs, Path(folder, name), clock))
            return clock

        first = go(every.train.chosen(real.sentences), groups[0], "largest")
        peak = _peak()
        once = first.each_step()[0]
        count = min(MOST, max(FEWEST, int(SECONDS / max(once.alone, 1e-3))))
        count = min(count, -(-len(every.train) // batch))
        usual = every.train.first(count * batch)
        clock = go(usual, groups[-1], "usual")
        after = _peak()
        begun = now(gpu)
        save(whole_arm, results[-len(groups[-1]) :], Path(folder, "saved"))
        saving = now(gpu) - begun
    tokens = each_step(usual, together, batch)
    steps = clock.each_step()[: len(tokens)]
    warm = min(WARM, len(steps) - 1)
    per_token = median([s * (1 / t) for s, t in zip(steps, tokens, strict=True)][warm:])
    later = [step for step in clock.each_step()[len(tokens) :]] or steps[warm:]
    if arm == HEAD_ONLY:  # a step costs what its heads do; its first one made the features
        step = median(later)
        encoding = (steps[0] - step) * (1 / int(usual.lengths.sum()))
    else:
        step, encoding = per_token * real.mean, Span(0.0, 0.0)
    validation = clock.validations()[-1]
    evaluated_tokens = int(ends.validation.lengths.sum())
    return Measured(
        arm=arm,
        rank=rank,
        runs=len(together),
        load=loaded,
        extra=once - per_token * real.largest if arm != HEAD_ONLY else Span(0.0, 0.0),
        step=step,
        encoding=encoding,
        validation=validation
        * (1 / (len(ends.validation) if arm == HEAD_ONLY else evaluated_tokens)),
        saving=saving * (1 / len(groups[-1])),
        before_bytes=before,
        peak_bytes=_peak(),
        kept_bytes=max(after - peak, 0) // (2 if arm != FULL else 1),
        gpu_bytes=torch.cuda.max_memory_allocated() if gpu else None,
        trainable=size.trainable,
        total=size.total,
        head=size.head,
        steps=len(steps),
    )


def resident() -> int:
    """Return the memory that this process holds now, bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _peak() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    return max(most, resident())  # and not every page at once


if __name__ == "__main__":
    main()
