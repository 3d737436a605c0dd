"""Starts the probe's processes and reads what they found.

Each has the memory of a stage's process, and only of it: the peak that Linux keeps is a process's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecast.clock import Span
from forecast.measured import Measured
from study.entry import process
from study.entry.errors import StudyError

Job = tuple[str, int | None, Sequence[int]]
"""An arm, its rank, and the seeds of the runs that train together."""
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Probed:
    """What one process found.

    Attributes:
        start: until its imports were done.
        measured: of each arm, in order; None: there was not enough memory for it.
        kernels: seconds of what stages without training compute, by name.
    """

    start: Span
    measured: tuple[Measured | None, ...]
    kernels: dict[str, float]


def probe(folder: Path, jobs: Sequence[Job], kernels: bool = False) -> Probed:
    """Run the probe on arms, one after the other, in one process.

    Args:
        folder: with params.yaml and prepared/.
        kernels: measure these too.

    Raises:
        StudyError: the probe failed; what it said is in it.
    """
    asked = json.dumps({"arms": [list(job) for job in jobs], "kernels": kernels})
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "forecast.probe", str(folder), asked],
        env=process.SETTINGS | os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for line in lines:
        if "error" in line:
            raise StudyError(line["error"])
    killed = done.returncode < 0  # by the kernel, for memory
    if done.returncode and not killed:
        last = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise StudyError(f"the probe failed: {last[0]}")
    return _read(lines, begun, len(jobs))


def _read(lines: Sequence[dict[str, Any]], begun: float, jobs: int) -> Probed:
    start, kernels, found = Span(0.0, 0.0), {}, []
    for line in lines:
        if "started" in line:
            start = Span(line["started"] - begun, line["computed"])
        elif "kernels" in line:
            kernels = line["kernels"]
        elif "out_of_memory" not in line:
            found.append(Measured.from_json(line))
    missing = [None] * (jobs - len(found))
    return Probed(start, (*found, *missing), kernels)
