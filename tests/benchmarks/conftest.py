"""A toy study in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from study.records.checked import CHECKED, write_checked
from tests.benchmarks.command import ROOT
from tests.pipeline import toys


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with the toy study's settings, model and sentences; nothing has run there."""
    toys.write_model(tmp_path / "toys/model")
    toys.write_csv(tmp_path / "toys/sentences.csv", toys.sentences())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    toys.change(tmp_path / "params.yaml", toys.SETTINGS)
    write_checked(tmp_path / CHECKED, "packed", "fit")
    return tmp_path
