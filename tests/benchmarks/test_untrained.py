"""How long stages took, from when their files were written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks import untrained

PIPELINE = "stages: {check: {}, lora: {}, plot: {}, report: {}, prepare: {}}"
# Each stage's file, when it was written, and the seconds that a training stage wrote down.
WRITTEN = {
    "report": ("plots/report.html", 50.0, None),  # before `check`: git brought it
    "check": ("metrics/checked.json", 100.0, None),
    "lora@1": ("metrics/machine/lora-r1.json", 130.0, 24.0),
    "lora@2": ("metrics/machine/lora-r2.json", 170.0, 32.0),
    "plot": ("plots/curve.svg", 173.5, None),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder as `dvc repro` leaves it."""
    outs = {name: {"outs": [{"path": path}]} for name, (path, _, _) in WRITTEN.items()}
    outs["gone"] = {"outs": [{"path": "plots/gone.svg"}]}
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": outs}))
    for path, when, seconds in WRITTEN.values():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(json.dumps({"seconds": seconds}))
        os.utime(tmp_path / path, (when, when))
    return tmp_path


def test_a_stage_takes_the_time_since_the_one_before_it(workspace: Path) -> None:
    seconds, between = untrained.times(workspace)
    assert seconds == {"lora@1": 30.0, "lora@2": 40.0, "plot": 3.5}
    assert between == 7.0  # the median of 30 - 24 and 40 - 32
