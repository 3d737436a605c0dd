"""Reading the runs: exactly those that the settings name, and only if they can be compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from study.analyses.results.sweep import read_results, read_sweep, scores, seed_scores
from study.entry.errors import StudyError
from study.records.json_file import write_json
from study.records.runs import ArmRecord, read_arm
from study.settings.whole import Settings, load
from tests.study.fake_records import fake_arm, with_study, write_study

PARAMS = Path(__file__).parents[4] / "params.yaml"


@pytest.fixture
def chosen() -> Settings:
    return with_study(load(PARAMS), seeds=(0, 1), ranks=(1, 4), rank=4)


@pytest.fixture
def folder(tmp_path: Path, chosen: Settings) -> Path:
    write_study(tmp_path, chosen, num_sentences=50)
    return tmp_path


def change(path: Path, **changes: object) -> None:
    write_json(path, dataclasses.replace(read_arm(path), **changes).to_json())


def test_the_arms_are_those_that_the_settings_name(folder, chosen):
    results = read_results(chosen, folder)
    assert [(arm.arm, arm.rank) for arm in results.arms()] == [
        ("head_only", None),
        ("lora", 1),
        ("lora", 4),
        ("full", None),
    ]


def test_the_order_of_the_ranks_in_the_settings_does_not_matter(folder, chosen):
    turned = with_study(chosen, seeds=(1, 0), ranks=(4, 1), rank=4)
    assert read_results(turned, folder) == read_results(chosen, folder)


def test_a_rank_that_was_taken_out_is_not_read(folder, chosen):
    (folder / "runs/lora-r64.json").write_text("not even JSON")
    assert set(read_results(chosen, folder).lora) == {1, 4}


def test_a_headline_outside_the_sweep_is_an_arm_too(tmp_path, chosen):
    outside = with_study(chosen, seeds=(0, 1), ranks=(1, 4), rank=2)
    write_study(tmp_path, outside, num_sentences=50)
    results = read_results(outside, tmp_path)
    assert [arm.rank for arm in results.arms()] == [None, 1, 2, 4, None]
    assert 2 not in results.lora


def test_scores_are_of_the_picked_learning_rate_alone():
    arm = fake_arm("full", learning_rates=(1e-4, 1e-3), num_sentences=80)
    picked = [run for run in arm.runs if run.learning_rate == 1e-4]
    assert scores(arm).shape == (3, 80)
    assert seed_scores(arm) == pytest.approx([run.test_score for run in picked])


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("runs/head_only.json", "head_only"),
        ("runs/full.json", "full"),
        ("runs/lora-r4.json", "lora@4"),
        ("headline.json", "headline"),
    ],
)
def test_a_missing_record_is_named_with_the_command_that_makes_it(folder, chosen, name, stage):
    (folder / name).unlink()
    with pytest.raises(StudyError, match=rf"{name}: no such file.*`dvc repro {stage}`"):
        read_results(chosen, folder)


def lose_a_seed(record: ArmRecord) -> dict[str, object]:
    return {"runs": tuple(run for run in record.runs if run.seed != 1)}


def tell_another_accuracy(record: ArmRecord) -> dict[str, object]:
    return {"runs": tuple(dataclasses.replace(r, test_score=0.123) for r in record.runs)}


def lose_a_prediction(record: ArmRecord) -> dict[str, object]:
    return {
        "runs": tuple(
            dataclasses.replace(r, test_predictions=r.test_predictions[1:]) for r in record.runs
        )
    }


def turn_the_labels(record: ArmRecord) -> dict[str, object]:
    """Relabel labels and predictions alike, so that the record agrees with itself."""
    runs = tuple(
        dataclasses.replace(r, test_predictions=tuple(1 - p for p in r.test_predictions))
        for r in record.runs
    )
    return {"test_labels": tuple(1 - label for label in record.test_labels), "runs": runs}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (lambda record: {"arm": "lora"}, r"arm lora of rank None, wanted is arm full"),
        (lambda record: {"rank": 3}, r"arm full of rank 3"),
        (lose_a_seed, r"seeds \[0\] .* settings' seeds are \[0, 1\]"),
        (lambda record: {"learning_rate": 7.0}, r"seeds \[\] at learning rate 7.0"),
        (tell_another_accuracy, r"test_accuracy 0.123, but its predictions give"),
        (lose_a_prediction, r"49 predictions for 50 test sentences"),
        (turn_the_labels, r"other test sentences .* than .*head_only.json"),
        (lambda record: {"label_names": ("a", "b")}, r"other label_names than .*head_only.json"),
        (lambda record: {"test_labels": (), "runs": ()}, r"full.json: .*dvc repro full"),
    ],
)
def test_a_record_that_cannot_be_compared_is_refused(folder, chosen, changes, said):
    path = folder / "runs/full.json"
    change(path, **changes(read_arm(path)))
    with pytest.raises(StudyError, match=said) as caught:
        read_results(chosen, folder)
    assert "runs/full.json" in str(caught.value)
    assert "dvc repro full" in str(caught.value)


def test_a_headline_that_is_not_the_sweeps_run_is_refused(folder, chosen):
    change(folder / "headline.json", trainable_parameters=1)
    with pytest.raises(StudyError, match=r"headline.json: not the run of rank 4 in the sweep"):
        read_results(chosen, folder)


def test_seeds_that_were_added_to_the_settings_are_missed(folder, chosen):
    more = with_study(chosen, seeds=(0, 1, 2), ranks=(1, 4), rank=4)
    with pytest.raises(StudyError, match=r"settings' seeds are \[0, 1, 2\]; run `dvc repro"):
        read_results(more, folder)


def test_the_sweep_needs_no_headline(folder, chosen):
    (folder / "headline.json").unlink()
    sweep = read_sweep(chosen, folder)
    assert (sweep.head_only.arm, sweep.full.arm, list(sweep.lora)) == ("head_only", "full", [1, 4])
    with pytest.raises(StudyError, match=r"headline\.json: no such file"):
        read_results(chosen, folder)
