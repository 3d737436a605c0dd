"""The pipeline of instruction tuning at toy size: its settings, and what one change reruns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.entry import parser
from study.studies.instruct.settings.whole import InstructSettings
from tests.pipeline import toys
from tests.pipeline.conftest import Once
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Done, Study, create
from tests.study.studies.instruct import toys as pairs

FILE = "instruct/dvc.yaml"
PARAMS = "instruct/params.yaml"
FIRST = {"check", "prepare", "base", "full", "rank@4", "rank@2", "generate", "compare"}
COMPARED = ("all_results.json", "rank_comparison.png", "rank_comparison.svg", "README.md")


def ran(*stages: str) -> list[str]:
    """What runs for these stages: none of the study's, not even the check of its settings."""
    return [f"{FILE}:{stage}" for stage in stages]


@pytest.fixture(scope="module")
def built(once: Once) -> tuple[Study, Done]:
    """The finished pipeline, in a study that has not run, and what its first `dvc repro` said."""

    def build(folder: Path) -> list[Done]:
        study = create(folder / "study")
        study.add_pipeline("instruct")
        pairs.write_study(study.root / "instruct", pairs.write_model(folder / "model"))
        done = study.repro(FILE)
        study.commit("Instruction tuning")
        return [done]

    folder, (done,) = once("instruct", build)
    return Study(folder / "study"), done


@pytest.fixture
def tuned(built: tuple[Study, Done], tmp_path: Path) -> Study:
    """A copy of it, to do with as the test likes."""
    return built[0].copy(tmp_path / "study")


def test_it_runs_alone_and_writes_what_it_names(built: tuple[Study, Done]) -> None:
    study, done = built
    assert set(done.ran) == set(ran(*FIRST))
    assert done.trained
    folder = study.root / "instruct"
    for name in ("data.json", "base.json", "full.json", "generated.json", *COMPARED):
        assert (folder / name).stat().st_size > 0
    for rank in (2, 4):
        record = json.loads((folder / f"ranks/rank_{rank}/run_data.json").read_text())
        assert record["rank"] == rank
        assert (folder / f"data/adapters/r{rank}/s0").is_dir()


def test_each_stage_reads_what_it_declares(tuned: Study) -> None:
    """Some settings of the data matter to pairs alone, some to reviews alone; of the model, of
    training and of the ranks some to generated text, and the search to several rates.
    """
    rates = {f"{arm}.learning_rates": [0.02, 0.01] for arm in ("lora", "full")}
    toys.change(tuned.root / PARAMS, {"generation.metric": "exact_match"} | rates)
    stages = ("prepare", "base", "full", "rank", "generate", "compare")
    commands = [[stage, *(["--rank", "2"] if stage == "rank" else [])] for stage in stages]
    found = read(
        tuned, [[f"instruct.{stage}", *rest] for stage, *rest in commands], folder="instruct"
    )
    short = sorted(toys.sentences(), key=lambda row: len(row["text"]))[:80]
    toys.write_csv(tuned.root / "instruct/reviews.csv", short)
    reviews = {"data.form": "reviews", "data.name": "reviews.csv", "data.max_length": 128}
    toys.change(tuned.root / PARAMS, reviews)
    found[0] |= read(tuned, [["instruct.prepare"]], folder="instruct")[0]
    for of_training in found[2:4]:
        of_training |= {key for key in parser.leaves(InstructSettings) if key.startswith("ray.")}
    for (stage, *_), keys in zip(commands, found, strict=True):
        assert keys == declared(tuned, stage, "instruct"), stage


def test_repro_of_the_finished_pipeline_runs_nothing(tuned: Study) -> None:
    assert tuned.repro(FILE).ran == []
    assert tuned.call("git", "status", "--porcelain").output == ""


def test_results_that_were_lost_come_back_to_the_byte(tuned: Study) -> None:
    for name in COMPARED:
        (tuned.root / "instruct" / name).unlink()
    done = tuned.repro(FILE)
    assert done.ran == ran("compare")
    assert not done.trained
    assert tuned.call("git", "status", "--porcelain").output == ""


def test_a_rank_more_is_trained_alone(tuned: Study) -> None:
    toys.change(tuned.root / PARAMS, {"lora.ranks": [4, 2, 1]})
    done = tuned.repro(FILE)
    assert done.ran == ran("check", "rank@1", "generate", "compare")
    assert done.trained
    record = json.loads(tuned.text("instruct/all_results.json"))
    assert [row["rank"] for row in record["ranks"]] == [1, 2, 4]


def test_a_rank_less_trains_nothing(tuned: Study) -> None:
    toys.change(tuned.root / PARAMS, {"lora.ranks": [4]})
    done = tuned.repro(FILE)
    assert done.ran == ran("check", "generate", "compare")
    assert not done.trained


@pytest.mark.parametrize(
    ("key", "value"),
    [("compare.confidence", 0.9), ("lora.rank", 2)],
)
def test_another_comparison_only_compares(tuned: Study, key: str, value: object) -> None:
    before = tuned.text("instruct/all_results.json")
    toys.change(tuned.root / PARAMS, {key: value})
    done = tuned.repro(FILE)
    assert done.ran == ran("check", "compare")
    assert not done.trained
    assert tuned.text("instruct/all_results.json") != before


@pytest.mark.parametrize(("arm", "others"), [("lora", {"full"}), ("full", {"rank@4", "rank@2"})])
def test_another_learning_rate_trains_its_arm_alone(
    arm: str, others: set[str], tuned: Study
) -> None:
    toys.change(tuned.root / PARAMS, {f"{arm}.learning_rates": [0.01]})
    assert set(tuned.repro(FILE).ran) == set(ran(*FIRST - {"prepare", "base"} - others))


def test_text_that_is_asked_for_later_trains_full_fine_tuning_again_and_no_rank(
    tuned: Study,
) -> None:
    toys.change(tuned.root / PARAMS, {"generation.metric": "exact_match"})
    assert tuned.repro(FILE).ran == ran("check", "full", "generate", "compare")
    record = json.loads(tuned.text("instruct/generated.json"))
    assert len(record["arms"]) == 4
