"""`python -m benchmarks.early_exit`: what dropping learning rates early does, against training all.

LoRA at several ranks, and full fine-tuning where `--full-rates` are given, train whole at every
rate and seed, and stop at shares of the steps to see how they stand (which changes no run, to the
bit). What early exit would have picked, what that costs and what it saves is then counted
(`benchmarks.early_choices`). `--records` trains nothing and reads the records of a study that was
trained without early exit: they know how runs stood at the end of each epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import stages  # noqa: F401  # before torch loads: how every stage prepares its process
from benchmarks.__main__ import RESULTS, slug
from benchmarks.data import load_data
from benchmarks.early_choices import Point, Whole, block, from_record, judged
from benchmarks.peak import machine
from study.arms import arm as arms
from study.arms import lora
from study.arms.early_exit import of
from study.arms.full import FullArm
from study.arms.lora import LoraArm
from study.entry import command
from study.metrics.measure import measure_of
from study.records.json_file import write_json
from study.records.prepared import Prepared
from study.records.runs import read_arm
from study.settings import whole as study_settings
from study.settings.whole import Settings
from study.sources.resolve import display_name
from study.training.executors import Arm
from study.training.loop import Part, Run, RunResult
from study.training.progress import Progress

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.early_exit")
    parser.add_argument("--records", type=Path, help="folder of records: nothing is trained")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-4, 1e-3, 2e-3, 4e-3, 8e-3])
    parser.add_argument("--full-rates", type=float, nargs="*", default=[])
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES))
    parser.add_argument("--sentences", type=int, help="the most of each split")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    given = parser.parse_args()
    if given.records is not None:
        paths = sorted(given.records.glob("*.json"))
        records = [record for path in paths if (record := read_arm(path)).arm != "head_only"]
        several = {f"{r.arm} {r.rank}": from_record(r) for r in records if len(r.whole_rates) > 1}
        print(block(judged(several)))
        return
    settings, data = study_settings.load(), load_data(given.sentences)
    found = measure(settings, data, given.ranks, given.rates, given.full_rates, given.shares)
    print(f"\n{block(found['rows'])}")
    stem = ("" if given.sentences is None else "quick-") + "early-exit-"
    path = given.out / f"{stem}{slug(found['machine']['device'])}.json"
    write_json(path, found)
    print(f"\nwritten: {path}")


def measure(
    settings: Settings,
    data: Prepared,
    ranks: Sequence[int],
    rates: Sequence[float],
    full_rates: Sequence[float],
    shares: Sequence[float],
) -> dict[str, Any]:
    """Train every arm whole at every rate; return what the result file holds.

    Raises:
        StudyError: an adapter does not fit the model.
    """
    train = replace(settings.train, early_stopping=None, early_exit=None)
    settings = replace(settings, train=train)
    every: dict[str, list[Whole]] = {}
    for rank in ranks:
        config = lora.config_of(settings.lora, rank, settings.model.name)
        arm = LoraArm(settings, data, config)
        fit = arms.runs_that_fit(arm.model.config, data, train)
        every[f"lora {rank}"] = _arm(arm, ("lora", rank), rates, fit, shares)
    if full_rates:
        every["full"] = _arm(FullArm(settings, data), ("full", None), full_rates, 1, shares)
    return {
        "machine": machine(train),
        "settings": {
            "model": display_name(settings.model.name),
            "train_sentences": len(data.train),
            "validation_sentences": len(data.validation),
            "test_sentences": len(data.test),
            "epochs": train.epochs_of(len(data.train), data.num_labels),
            "seeds": sorted(settings.seeds),
        },
        "arms": {
            name: [
                {"rate": w.rate, "validation": w.validation, "test": w.test}
                | {"stood": [{"share": s, **vars(point)} for s, point in w.stood.items()]}
                for w in rates
            ]
            for name, rates in every.items()
        },
        "rows": judged(every),
    }


def _arm(
    arm: Arm,
    method: tuple[str, int | None],
    rates: Sequence[float],
    fit: int,
    shares: Sequence[float],
) -> list[Whole]:
    """Train an arm at every rate and seed; a rate at which a run diverges is left out."""
    settings, shares = arm.settings, sorted(shares)
    groups = arms.plan(*method, rates, settings.seeds, fit)
    progress = Progress(" ".join(map(str, method)), len(groups) * (len(shares) + 1) * fit)
    done: dict[float, list[tuple[list[list[RunResult]], list[RunResult]]]] = {}
    for group in groups:
        done.setdefault(group[0].learning_rate, []).append(_in_parts(arm, group, shares, progress))
    found = []
    for rate, parts in done.items():
        results = [result for _, whole in parts for result in whole]
        if any(result.diverged_at is not None for result in results):
            print(f"{method}: a run diverged at {rate:g}, which is left out", flush=True)
            continue
        stood = {
            share: _point(arm, [result for on_way, _ in parts for result in on_way[i]])
            for i, share in enumerate(shares)
        }
        found.append(Whole(rate, stood, *_reached(arm, results)))
    return found


def _in_parts(
    arm: Arm, group: Sequence[Run], shares: Sequence[float], progress: Progress
) -> tuple[list[list[RunResult]], list[RunResult]]:
    """Train a group whole; return how it stood at each share, and its results."""
    on_way: list[list[RunResult]] = []
    results: list[RunResult] | None = None
    for share in shares:
        rung = of(replace(arm.settings.train, early_exit=share), arm.data)
        assert rung is not None
        results = arm(group, progress, Part(results, rung.step))
        on_way.append([replace(result, state={}) for result in results])
    return on_way, arm(group, progress, Part(results))


def _point(arm: Arm, results: Sequence[RunResult]) -> Point:
    measure = measure_of(arm.data.task, arm.data.metric)
    points = [result.standing for result in results if result.standing is not None]
    return Point(fmean(measure.merit(p.score) for p in points), -fmean(p.loss for p in points))


def _reached(arm: Arm, results: Sequence[RunResult]) -> tuple[float, float]:
    """Return the merits on validation and test, means over seeds."""
    measure, labels = measure_of(arm.data.task, arm.data.metric), arm.data.test.labels.numpy()
    validation = [
        point.score for r in results for point in r.validation if point.epoch == r.best_epoch
    ]
    test = [measure.value(measure.answers(r.test_logits.numpy(), labels), labels) for r in results]
    return fmean(map(measure.merit, validation)), fmean(map(measure.merit, test))


if __name__ == "__main__":
    command.run(main)
