"""Drift's pipeline on the finished toy study: its settings, and what one change reruns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline import toys
from tests.pipeline.conftest import Companion
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Done, Study

FILE = "drift/dvc.yaml"
PARAMS = "drift/params.yaml"
STAGES = ["text", "outputs", "compare", "plot"]
SETTINGS = {
    "source.name": "toys/other.csv",
    "source.where": None,
    "sentences": 40,
}


def ran(*stages: str) -> list[str]:
    """What runs for these stages."""
    return [f"{FILE}:{stage}" for stage in stages]


@pytest.fixture(scope="module")
def built(companion: Companion) -> tuple[Study, Done]:
    """The study with its drift, and what the pipeline's first `dvc repro` said."""
    return companion("drift", SETTINGS)


@pytest.fixture
def drifted(built: tuple[Study, Done], tmp_path: Path) -> Study:
    """A copy of it, to do with as the test likes."""
    return built[0].copy(tmp_path / "study")


def test_it_follows_the_study_and_trains_nothing(built: tuple[Study, Done]) -> None:
    study, done = built
    assert done.ran == ran(*STAGES)
    assert not done.trained
    for name in ("metrics/text.json", "metrics/drift.json", "plots/drift.png", "plots/drift.svg"):
        assert (study.root / "drift" / name).is_file()


def test_each_stage_reads_what_it_declares(drifted: Study) -> None:
    found = read(drifted, [[f"drift.{stage}"] for stage in STAGES])
    for stage, keys in zip(STAGES, found, strict=True):
        assert keys == declared(drifted, stage, "drift"), stage


def test_repro_of_the_finished_pipeline_runs_nothing(drifted: Study) -> None:
    assert drifted.repro(FILE).ran == []
    assert drifted.call("git", "status", "--porcelain").output == ""


def test_every_stage_forced_to_run_again_writes_the_same_bytes(drifted: Study) -> None:
    targets = [f"{FILE}:{stage}" for stage in STAGES]
    assert drifted.repro("--force", "--single-item", *targets).ran == targets
    assert drifted.call("git", "status", "--porcelain").output == ""


def test_fewer_sentences_are_read_again_and_nothing_is_trained(drifted: Study) -> None:
    toys.change(drifted.root / PARAMS, {"sentences": 30})
    done = drifted.repro(FILE)
    assert done.ran == ran(*STAGES)
    assert not done.trained


def test_another_confidence_runs_no_model(drifted: Study) -> None:
    toys.change(drifted.root / "params.yaml", {"statistics.confidence": 0.9})
    assert drifted.repro(FILE).ran == ["check", *ran("compare", "plot")]


def test_a_setting_of_its_own_reaches_nothing_of_the_main_study(drifted: Study) -> None:
    toys.change(drifted.root / PARAMS, {"sentences": 30})
    assert drifted.repro().ran == []
