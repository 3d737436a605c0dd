"""Padded rows over packed: the ratio of pairs that are known, and a toy run of the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import padded
from tests.benchmarks.command import call


def test_ratios_are_taken_pair_by_pair() -> None:
    """A slow minute that hits both of a pair changes nothing."""
    found = padded.compared([(1.0, 2.0), (10.0, 20.0), (1.0, 3.0), (2.0, 2.0)])
    assert found["ratio"] == pytest.approx(2.0)
    assert found["quartiles"] == pytest.approx([2.0, 2.0])
    assert found["packed_seconds"] == pytest.approx(1.5)
    row = padded.table({"cases": {"fp32, 1 together": found}}).splitlines()[-1]
    assert row == "| fp32, 1 together | 1500 | 2500 | 2.00 (2.00 to 2.00) |"


def test_the_command_measures_both_ways_in_both_precisions(study: Path) -> None:
    assert call(study, "stages.prepare").returncode == 0
    done = call(study, "benchmarks.padded", "--quick", "--out", "out")
    assert done.returncode == 0, done.stdout
    (path,) = (study / "out").glob("quick-padded-*.json")
    found = json.loads(path.read_text())
    names = {f"{precision}, {n} together" for precision in ("fp32", "bf16") for n in (1, 2)}
    assert found["cases"].keys() == names
    assert all(row["ratio"] > 0 for row in found["cases"].values())
