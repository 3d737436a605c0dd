"""Choosing another headline rank of the sweep, and what a fresh clone shows of the change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from checks import gate
from tests.pipeline.conftest import Reproduced
from tests.pipeline.study import Done, Study

pytestmark = pytest.mark.xdist_group("headline")


@pytest.fixture(scope="module")
def chosen(reproduced: Reproduced, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Done]:
    """The study after `dvc exp run -S lora.rank=2`, committed, and what that said."""
    study = reproduced.study.copy(tmp_path_factory.mktemp("headline") / "study")
    done = study.experiment("lora.rank=2")
    study.commit("Rank 2 is the headline")
    return study, done


@pytest.fixture(scope="module")
def clone(chosen: tuple[Study, Done], tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A fresh clone of it: two commits of results, no cache, no remote, no data."""
    study = chosen[0].clone(tmp_path_factory.mktemp("clone") / "clone")
    assert not (study.root / "data").exists()
    assert not (study.root / ".dvc/cache").exists()
    return study


def test_a_rank_of_the_sweep_becomes_the_headline_without_training(
    chosen: tuple[Study, Done],
) -> None:
    study, done = chosen
    assert done.ran == ["check", "headline", "aggregate", "plot"]
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


def test_the_gate_passes_in_the_clone_and_fails_on_an_edit(clone: Study, tmp_path: Path) -> None:
    assert gate.findings(clone.root) == []
    edited = clone.copy(tmp_path / "edited")
    edited.append("study/training.py", "\n# another loop\n")
    lines = gate.findings(edited.root)
    assert len(lines) == 1
    assert lines[0].startswith("study/training.py: modified since full, head_only, headline, lora@")
