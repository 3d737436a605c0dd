"""The pipeline of placements on the finished toy study: its settings, what a change reruns."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.settings.whole import leaves
from study.studies.placement.settings import PLACEMENTS
from tests.pipeline import toys
from tests.pipeline.conftest import Companion
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Done, Study

FILE = "placement/dvc.yaml"
PARAMS = "placement/params.yaml"
FEW = ("query_value", "attention", "lower_half")  # each starts a process
SETTINGS = {
    "placements": list(FEW),
    "ranks": [1],
    "attention.learning_rates": [0.1, 0.01],
    "lower_half.learning_rates": [0.1],
}


def ran(*stages: str) -> list[str]:
    """What runs for these stages."""
    return [f"{FILE}:{stage}" for stage in stages]


@pytest.fixture(scope="module")
def built(companion: Companion) -> tuple[Study, Done]:
    """The study with its placements, and what the pipeline's first `dvc repro` said."""
    return companion("placement", SETTINGS)


@pytest.fixture
def placed(built: tuple[Study, Done], tmp_path: Path) -> Study:
    """A copy of it, to do with as the test likes."""
    return built[0].copy(tmp_path / "study")


def test_it_follows_the_study_and_its_repro_leaves_the_study_alone(
    built: tuple[Study, Done],
) -> None:
    study, done = built
    assert done.ran[-2:] == ran("compare", "plot")
    assert sorted(done.ran[:-2]) == sorted(ran(*(f"train@{name}-1" for name in FEW)))
    assert done.trained
    assert "query_value at rank 1: not trained: the main study's LoRA" in done.output
    for name in ("metrics/placement.json", "metrics/summary.json", "plots/placement.png"):
        assert (study.root / "placement" / name).is_file()
    assert study.repro(FILE).ran == []
    assert study.call("git", "status", "--porcelain").output == ""


def test_each_stage_reads_what_it_declares(placed: Study) -> None:
    """Those of Ray are read by the same few lines in every stage, where Ray trains."""
    on_ray = {key for key in leaves() if key.startswith("ray.")}
    commands = [["placement.train", "--name", name, "--rank", "1"] for name in PLACEMENTS[1:3]]
    commands += [["placement.compare"], ["placement.plot"]]
    attention, mlp, compare, plot = read(placed, commands)
    assert attention | on_ray == declared(placed, "train", "placement", name="attention")
    searches = {f"{PARAMS}:search_seeds"}  # asked where there are several rates
    assert mlp | on_ray | searches == declared(placed, "train", "placement", name="mlp")
    assert compare == declared(placed, "compare", "placement")
    assert plot == declared(placed, "plot", "placement")


def test_a_placement_or_a_rank_that_is_added_trains_alone(placed: Study) -> None:
    toys.change(placed.root / PARAMS, {"placements": [*FEW, "mlp"]})
    assert placed.repro(FILE).ran == ran("train@mlp-1", "compare", "plot")
    toys.change(placed.root / PARAMS, {"placements": ["attention"], "ranks": [1, 2]})
    assert placed.repro(FILE).ran == ran("train@attention-2", "compare", "plot")


def test_one_placements_setting_trains_that_one_alone(placed: Study) -> None:
    toys.change(placed.root / PARAMS, {"lower_half.target_modules": ["query"]})
    done = placed.repro(FILE)
    assert done.ran == ran("train@lower_half-1", "compare", "plot")


def test_another_confidence_trains_nothing(placed: Study) -> None:
    toys.change(placed.root / "params.yaml", {"statistics.confidence": 0.9})
    done = placed.repro(FILE)
    assert done.ran == ["check", *ran("compare", "plot")]
    assert not done.trained
