"""Choosing another headline rank of the sweep, and what a fresh clone shows of the change."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from checks import gate
from tests.pipeline.conftest import Once, Reproduced
from tests.pipeline.study import Done, Study
from tests.pipeline.test_reruns import HEADLINE


@pytest.fixture(scope="module")
def folder(once: Once, reproduced: Reproduced) -> tuple[Path, Done]:
    """The study after `dvc exp run -S lora.rank=2`, committed, and a fresh clone of it."""

    def build(folder: Path) -> list[Done]:
        study = reproduced.study.copy(folder / "study")
        done = study.experiment("lora.rank=2")
        study.commit("Rank 2 is the headline")
        study.clone(folder / "clone")
        return [done]

    folder, (done,) = once("headline", build)
    return folder, done


@pytest.fixture
def clone(folder: tuple[Path, Done], tmp_path: Path) -> Study:
    """The clone: two commits of results, no cache, no remote, no data."""
    clone = Study(folder[0] / "clone").copy(tmp_path / "clone")
    assert not (clone.root / "data").exists()
    assert not (clone.root / ".dvc/cache").exists()
    return clone


def test_a_rank_of_the_sweep_becomes_the_headline_without_training(
    folder: tuple[Path, Done],
) -> None:
    study, done = Study(folder[0] / "study"), folder[1]
    assert {"aggregate", "plot", "report"} <= set(done.ran) <= HEADLINE
    assert not done.trained
    assert study.text("metrics/headline.json") == study.text("metrics/runs/lora-r2.json")
    assert json.loads(study.text("metrics/summary.json"))["headline"]["rank"] == 2


def test_metrics_show_and_diff_name_the_headline_numbers(clone: Study) -> None:
    shown = json.loads(clone.call("dvc", "metrics", "show", "--json").output)
    data = shown[""]["data"]["metrics/summary.json"]["data"]
    assert data["headline"]["rank"] == 2
    table = clone.call("dvc", "metrics", "diff", "HEAD~1").output
    assert "headline.rank" in table
    assert "headline.trainable_parameters" in table


def test_params_diff_names_the_setting(clone: Study) -> None:
    changes = json.loads(clone.call("dvc", "params", "diff", "--json", "HEAD~1").output)
    assert changes["params.yaml"]["lora.rank"] == {"old": 1, "new": 2, "diff": 1}


def test_plots_show_and_diff_draw_every_plot(clone: Study) -> None:
    names = ("accuracy_vs_rank", "accuracy_vs_parameters", "training_dynamics")
    for command in (["show"], ["diff", "HEAD~1"]):
        done = clone.call("dvc", "plots", *command, "--out", "shown")
        assert "error" not in done.output.lower()
        page = (clone.root / "shown/index.html").read_text(encoding="utf-8")
        for name in (*names, "theory_bound", "theory_scalings"):
            assert name in page
        pictures = {path.name for path in (clone.root / "shown").rglob("*.png")}
        assert any("accuracy_vs_rank" in name for name in pictures)
        shutil.rmtree(clone.root / "shown")


def test_the_gate_passes_in_the_clone_and_fails_on_an_edit(
    clone: Study, warm_commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(warm_commands / "python"))  # for what it recomputes
    assert gate.findings(clone.root) == []
    clone.append("study/training/loop.py", "\n# another loop\n")
    lines = gate.findings(clone.root)
    assert len(lines) == 1
    room, _, stages = lines[0].partition(": modified since ")
    assert room == "study/training"
    assert {"check", "head_only", "full", "lora@1", "lora@2"} <= set(
        stages.partition(" ran; run `dvc repro`")[0].split(", ")
    )
