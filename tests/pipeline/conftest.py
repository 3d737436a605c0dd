"""One toy study, run once through real DVC; each test gets a copy of it to change."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.pipeline.study import Done, Study, create


@dataclass(frozen=True)
class Reproduced:
    """The finished study. Its first `dvc repro` was killed while LoRA trained, then repeated."""

    study: Study
    killed: Done
    resumed: Done


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Reproduced:
    """Build it in whichever worker comes first; the others wait and read what it wrote."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    root, notes = folder / "reproduced/study", folder / "reproduced/outputs.json"
    with FileLock(folder / "reproduced.lock"):
        if not notes.exists():
            root.parent.mkdir()
            study = create(root)
            killed = study.repro_killed_while(r"^lora.*\bepoch \d")
            resumed = study.repro()
            study.commit("Results")
            notes.write_text(json.dumps([killed.output, resumed.output]))
    killed_output, resumed_output = json.loads(notes.read_text())
    return Reproduced(Study(root), Done(killed_output, -9), Done(resumed_output, 0))


@pytest.fixture
def study(reproduced: Reproduced, tmp_path: Path) -> Study:
    """The finished study, with its cache, to do with as the test likes."""
    return reproduced.study.copy(tmp_path / "study")
