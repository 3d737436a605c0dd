"""The command, at toy size: every variant really trains, and the result says all it must."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks.child import Child
from benchmarks.job import Job
from study.entry.errors import StudyError
from tests.benchmarks.command import ROOT, call


def test_a_quick_run_measures_everything(study: Path, warm_commands: Path) -> None:
    done = call(study, "stages.prepare", python=warm_commands / "python")
    assert done.returncode == 0, done.stdout
    done = call(study, "benchmarks", "--quick", "--out", "out", python=warm_commands / "python")
    assert done.returncode == 0, done.stdout
    (path,) = (study / "out").glob("quick-*.json")
    assert path.with_suffix(".png").stat().st_size > 0
    assert path.with_suffix(".svg").stat().st_size > 0
    found = json.loads(path.read_text())
    assert set(found["rows"]) == {
        *("lora_step", "lora_step_together", "full_step"),
        *("head_only", "study", "study_without_head_only"),
    }
    for row in found["rows"].values():
        for name in ("default", "tuned"):
            low, high = row[f"ratio_to_{name}_range"]
            assert 0 < low <= row[f"ratio_to_{name}"] <= high
    arms = ("lora", "full", "head_only")
    names = {f"{arm} {kind}" for arm in arms for kind in ("default", "tuned", "ours")}
    assert set(found["variants"]) == {*names, "lora ours together"}
    for variant in found["variants"].values():
        assert min(variant["rounds"]) > 0
        assert variant["validation"] > 0
        assert variant["first_step"] > 0
        assert variant["peak_memory_bytes"] > 2**26
    assert found["variants"]["lora ours together"]["runs"] == 2
    assert found["bf16_peak_share"] > 0
    assert min(found["peak_gflops"]["bf16"]["rounds"]) > 0
    accuracy = found["accuracy"]
    assert set(accuracy["accuracy"]) == {"default", "tuned", "ours"}
    for score in accuracy["accuracy"].values():
        assert score * accuracy["sentences"] == pytest.approx(round(score * accuracy["sentences"]))
        assert 0 <= score <= 1  # six sentences after a few steps may all be wrong
    profile = found["profile"]["ms_per_step"]
    assert profile["matrix products"] > 0
    assert all(math.isfinite(ms) and ms >= 0 for ms in profile.values())
    assert {"peft", "torch", "transformers"} <= set(found["machine"]["versions"])


def test_memory_is_measured_for_every_way_of_both_arms(study: Path, warm_commands: Path) -> None:
    done = call(study, "stages.prepare", python=warm_commands / "python")
    assert done.returncode == 0, done.stdout
    done = call(
        study, "benchmarks.memory", "--quick", "--out", "out", python=warm_commands / "python"
    )
    assert done.returncode == 0, done.stdout
    (path,) = (study / "out").glob("quick-memory-*.json")
    found = json.loads(path.read_text())
    assert [name.partition(",")[0] for name in found["cases"]] == ["lora", "lora", "full"]
    for rows in found["cases"].values():
        assert set(rows) == set(found["ways"])
        for row in rows.values():
            assert row["peak_memory_bytes"] > found["idle_memory_bytes"] > 2**26
            low, high = row["time_ratio_range"]
            assert 0 < low <= row["time_ratio"] <= high
        assert rows["bf16"]["time_ratio"] == rows["bf16"]["training_memory_ratio"] == 1.0
    for way in found["ways"]:
        assert way in done.stdout


def test_without_prepared_data_it_says_what_makes_them(study: Path, warm_commands: Path) -> None:
    done = call(study, "benchmarks", "--quick", python=warm_commands / "python")
    assert done.returncode == 2
    assert "data/prepared: not there; `dvc repro prepare` makes it" in done.stdout


def test_a_child_that_fails_is_quoted(
    study: Path, warm_commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study)
    monkeypatch.setattr(sys, "executable", str(warm_commands / "python"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    child = Child(Job("score", folder="nowhere"))
    with pytest.raises(StudyError, match=r"benchmark score : exit status 1\n[^$]*data/prepared"):
        child.hear()
    child.stop()
