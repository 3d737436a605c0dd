"""Stacking's pipeline on the finished toy study: its settings, and what one change reruns."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.settings.whole import leaves
from tests.pipeline import toys
from tests.pipeline.conftest import Companion
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Done, Study
from tests.pipeline.test_reruns import lock_without_machine

FILE = "stacking/dvc.yaml"
PARAMS = "stacking/params.yaml"
LOCK = "stacking/dvc.lock"
STAGES = ["prepare", "train", "combine", "compare", "plot"]
SETTINGS = {
    "source.name": "toys/other.csv",
    "source.where": None,
    "train_size": 64,
    "validation_size": 24,
    "test_size": 32,
    "weights": [1.0],
}


def ran(*stages: str) -> list[str]:
    """What runs for these stages."""
    return [f"{FILE}:{stage}" for stage in stages]


@pytest.fixture(scope="module")
def built(companion: Companion) -> tuple[Study, Done]:
    """The study with its stacks, and what the pipeline's first `dvc repro` said."""
    return companion("stacking", SETTINGS)


@pytest.fixture
def stacked(built: tuple[Study, Done], tmp_path: Path) -> Study:
    """A copy of it, to do with as the test likes."""
    return built[0].copy(tmp_path / "study")


def test_it_follows_the_study_and_trains_the_other_task_alone(built: tuple[Study, Done]) -> None:
    study, done = built
    assert done.ran == ran(*STAGES)
    assert done.trained
    for name in ("stacking.json", "runs.json", "data.json", "right.safetensors"):
        assert (study.root / "stacking/metrics" / name).is_file()
    for seed in (0, 1):
        assert (study.root / f"stacking/data/adapters/s{seed}").is_dir()
        assert (study.root / f"stacking/data/combined/sum-1-1/s{seed}").is_dir()


def test_each_stage_reads_what_it_declares(stacked: Study) -> None:
    """Those of Ray are read by the same few lines in every stage, where Ray trains."""
    on_ray = {key for key in leaves() if key.startswith("ray.")}
    found = read(stacked, [[f"stacking.{stage}"] for stage in STAGES])
    for stage, keys in zip(STAGES, found, strict=True):
        trains = stage == "train"
        assert keys | (on_ray if trains else set()) == declared(stacked, stage, "stacking"), stage


def test_repro_of_the_finished_pipeline_runs_nothing(stacked: Study) -> None:
    assert stacked.repro(FILE).ran == []
    assert stacked.call("git", "status", "--porcelain").output == ""


def test_every_stage_forced_to_run_again_writes_the_same_bytes(stacked: Study) -> None:
    before = lock_without_machine(stacked, LOCK)
    targets = [f"{FILE}:{stage}" for stage in STAGES]
    done = stacked.repro("--force", "--single-item", *targets)
    assert done.ran == targets
    assert done.trained
    assert lock_without_machine(stacked, LOCK) == before
    changed = set(stacked.call("git", "diff", "--name-only").output.split())
    assert changed <= {LOCK, "stacking/metrics/machine/train.json"}


def test_other_weights_combine_again_and_train_nothing(stacked: Study) -> None:
    toys.change(stacked.root / PARAMS, {"weights": [0.5, 1.0]})
    done = stacked.repro(FILE)
    assert done.ran == ran("combine", "compare", "plot")
    assert not done.trained
    assert (stacked.root / "stacking/data/combined/sum-0.5-1/s0").is_dir()


def test_fewer_sentences_of_the_other_task_train_its_adapter_alone(stacked: Study) -> None:
    toys.change(stacked.root / PARAMS, {"train_size": 48})
    done = stacked.repro(FILE)
    assert done.ran == ran(*STAGES)
    assert done.trained


def test_another_confidence_runs_no_model(stacked: Study) -> None:
    toys.change(stacked.root / "params.yaml", {"statistics.confidence": 0.9})
    assert stacked.repro(FILE).ran == ["check", *ran("compare", "plot")]
