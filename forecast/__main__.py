"""`python -m forecast [-S KEY=VALUE ...]`: what the study will take, before anything is trained.

    make forecast      for the settings as they are

Says which stages DVC will run, and time, memory and disk of each and of the whole, on this
machine. Changes are written as after `dvc exp run -S`, and nothing is saved. The companions
(methods, placement, stacking, drift, instruct) are not covered.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecast import told, whole_study
from forecast.asked import Asked, asked
from forecast.fit import Fit, fit, run_bytes
from forecast.made import PREPARED, Made, make
from forecast.pipeline import Run, nodes, runs
from forecast.plan import trainings
from forecast.probes import Probed
from forecast.whole_study import Forecast
from study.entry import command
from study.entry.errors import StudyError
from study.records.arm_names import FULL, HEAD_ONLY
from study.settings.whole import Settings
from study.training.machine import training_device

GIB = 1024**3


def main() -> None:
    """Forecast what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m forecast", description=__doc__)
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--memory", type=float, metavar="GIB", help="as if there were so much")
    parser.add_argument("--json", action="store_true", help="print numbers instead of words")
    options = parser.parse_args()
    if options.memory is not None and options.memory <= 0:
        raise StudyError(f"--memory {options.memory:g}; allowed: a number of GiB above 0")
    wanted = asked(options.set_param)
    stages = nodes(wanted.text)
    there = runs(stages, ["check"])["prepare"] is Run.NO and PREPARED.is_dir()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make(wanted, folder, there)
        will = runs(stages, ["check"] if made.batching_same else [])
        config = whole_study.config_of(wanted.settings)
        plans = trainings(wanted.settings, made.data, config)
        probed = whole_study.probe_arms(wanted.settings, plans, folder)
        fitting, there_is, where = _fit(wanted, made, config, probed, folder, options.memory)
        try:
            found = whole_study.forecast(wanted.settings, made, config, probed, will)
        except StudyError as error:
            raise StudyError(f"{error}; {told.fits(fitting, there_is, where)}") from error
    if options.json:
        print(json.dumps(_numbers(found, fitting, there_is), indent=2))
        return
    print(*told.lines(found), sep="\n")
    print(told.fits(fitting, there_is, where))
    for line in (told.busy(found.total(Run.YES)), told.last_line(found)):
        if line is not None:
            print(line)


def _fit(
    wanted: Asked,
    made: Made,
    config: Any,
    probed: Sequence[Probed],
    folder: Path,
    stated: float | None,
) -> tuple[Fit, int, str]:
    """Return whether training fits, into how many bytes, and where these are."""
    settings = wanted.settings
    gpu = training_device(settings.train).type == "cuda"
    where = (
        "stated memory"
        if stated is not None
        else "the GPU's memory"
        if gpu
        else "this machine's memory"
    )
    there_is = int(stated * GIB) if stated is not None else _memory(gpu)
    peak = _peak(probed, gpu)
    every = [each for part in probed for each in part.measured if each is not None]
    fixed, one_by_one = 0, False
    if peak is not None:
        largest = max(every, key=lambda each: (each.gpu_bytes or 0) if gpu else each.peak_bytes)
        kept = run_bytes(settings, made.data, config) * (largest.arm != HEAD_ONLY) * largest.runs
        fixed = max(0 if gpu else largest.before_bytes, int(peak - kept))
        one_by_one = largest.arm == FULL

    def try_out(changed: Settings) -> int | None:
        text = wanted.text  # the probe reads its settings from the folder
        try:
            keys = dataclasses.asdict(changed.train).items()
            before = dataclasses.asdict(settings.train)
            new = [f"train.{k}={json.dumps(v)}" for k, v in keys if v != before[k]]
            other = asked(new, folder / "params.yaml")
            (folder / "params.yaml").write_text(other.text, encoding="utf-8")
            plans = trainings(other.settings, made.data, config)
            return _peak(whole_study.probe_arms(other.settings, plans, folder, False), gpu)
        finally:
            (folder / "params.yaml").write_text(text, encoding="utf-8")

    found = fit(
        *(settings, made.data, config, there_is, peak, fixed, gpu, try_out), one_by_one=one_by_one
    )
    return found, there_is, where


def _peak(probed: Sequence[Probed], gpu: bool) -> int | None:
    """Return the most memory that any arm took, bytes; None: one of them did not fit."""
    every = [each for part in probed for each in part.measured]
    peaks = [None if m is None else m.gpu_bytes if gpu else m.peak_bytes for m in every]
    known = [peak for peak in peaks if peak is not None]
    return max(known) if known and len(known) == len(peaks) else None


def _memory(gpu: bool) -> int:
    """Return the memory of the GPU, or of the machine, bytes."""
    if gpu:
        import torch

        return int(torch.cuda.mem_get_info()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _numbers(found: Forecast, fitting: Fit, memory_bytes: int) -> dict[str, Any]:
    stages = {
        name: {"runs": found.runs[name].value, **dataclasses.asdict(cost)}
        for name, cost in found.costs.items()
    }
    return {
        "stages": stages,
        "total": dataclasses.asdict(found.total(Run.YES)),
        "memory_bytes": found.memory(Run.YES),
        "disk_bytes": found.disk(Run.YES),
        "block": dataclasses.asdict(found.block),
        "rank": {"rank": found.rank[0], **dataclasses.asdict(found.rank[1])},
        "full": dataclasses.asdict(found.full),
        "fit": {"memory_bytes": memory_bytes, **dataclasses.asdict(fitting)},
        "probe": [dataclasses.asdict(each) for each in found.found],
    }


if __name__ == "__main__":
    command.run(main)
