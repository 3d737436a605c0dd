"""What settings do to accuracy: constructed records whose figures are known, and a toy run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import settings_effect
from benchmarks.settings_effect import LONG, PLAIN, WAYS, row, told, under
from study.records.runs import ArmRecord
from study.settings import whole as settings
from tests.benchmarks.command import ROOT, call
from tests.study.fake_records import fake_arm

TABLE = {"settings": {"confidence": 0.95}}


def record(*predictions: tuple[int, ...]) -> ArmRecord:
    """Return LoRA's record with one run a seed, which predicts so; every label is 1."""
    made = fake_arm("lora", 8, num_sentences=2)
    run = made.runs[0]
    runs = tuple(
        replace(run, seed=seed, test_predictions=predicted)
        for seed, predicted in enumerate(predictions)
    )
    labels = (1,) * len(predictions[0])
    return replace(made, learning_rate=run.learning_rate, runs=runs, test_labels=labels)


def test_differences_are_paired_by_seed_and_sentence() -> None:
    plain = record((1, 1, 1, 1, 0), (1, 1, 1, 1, 1))
    other = record((1, 1, 1, 0, 0), (1, 1, 1, 0, 1))
    found = row(other, plain, 0.95)
    assert found["accuracy"]["mean"] == pytest.approx(0.7)
    assert found["difference"]["mean"] == pytest.approx(-0.2)
    assert found["difference"]["by_seed"] == pytest.approx([-0.2, -0.2])
    assert found["same_predictions"] == pytest.approx(0.8)
    assert len(found["epochs_run"]) == len(found["best_epochs"]) == 2


def test_wrong_answers_that_differ_are_no_equal_predictions() -> None:
    found = row(record((2, 1)), record((0, 1)), 0.95)
    assert found["difference"]["mean"] == 0
    assert found["same_predictions"] == 0.5


def test_plain_is_held_against_nothing() -> None:
    assert {"difference", "same_predictions"}.isdisjoint(row(record((1, 0)), None, 0.95))


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        (((-0.01, 0.02), (-0.3, 0.1)), "No setting's difference is told from 0"),
        (((-0.01, 0.02), (-0.3, -0.1)), "of b (-20.0 points); no other is."),
        (((0.01, 0.03), (-0.3, -0.1)), "of a (+2.0 points) and b (-20.0 points)."),
        (((None, None), (-0.1, 0.1)), "No setting's difference is told from 0"),
    ],
)
def test_what_is_told_follows_from_the_intervals(differences, said) -> None:
    rows = {
        name: {"difference": {"mean": 0 if low is None else (low + high) / 2, **ends}}
        for name, (low, high) in zip("ab", differences, strict=True)
        for ends in [{"low": low, "high": high}]
    }
    assert said in told(TABLE | {"rows": {PLAIN: {}} | rows})


def test_each_way_is_plain_training_with_its_own_change() -> None:
    chosen = settings.load(ROOT / "params.yaml")
    epochs = chosen.train.epochs_of(100, 2)
    messy = replace(
        chosen,
        train=replace(chosen.train, schedule="constant", early_stopping=1, precision="fp32"),
        lora=replace(chosen.lora, dropout=0.3),
    )
    for name, way in WAYS.items():
        changed = under(messy, way, 100, 2)
        assert changed == under(chosen, way, 100, 2)
        for section, changes in way.changes.items():
            for key, value in changes.items():
                assert getattr(getattr(changed, section), key) == value
        assert changed.train.epochs == epochs * (3 if way.longer else 1)
        assert (name == PLAIN) == (way.beside is None)
        if way.beside is not None:
            assert WAYS[way.beside].longer == (way.longer and name != LONG)


def test_a_toy_study_is_trained_under_every_setting(study: Path, warm_commands: Path) -> None:
    done = call(study, "stages.prepare", python=warm_commands / "python")
    assert done.returncode == 0, done.stdout
    done = call(
        study,
        "benchmarks.settings_effect",
        "--sentences",
        "32",
        "--out",
        "out",
        python=warm_commands / "python",
    )
    assert done.returncode == 0, done.stdout
    (path,) = (study / "out").glob("quick-settings-effect-*.json")
    found = json.loads(path.read_text())
    rows = found["rows"]
    assert list(rows) == list(WAYS)
    # Computing layers anew changes nothing at all.
    assert rows["checkpointing"]["same_predictions"] == 1
    assert rows["checkpointing"]["accuracy"] == rows[PLAIN]["accuracy"]
    assert rows[PLAIN]["epochs_run"] == [2, 2]
    assert rows[LONG]["epochs_run"] == [6, 6]
    stopped = rows["early stopping: 1, three times the epochs"]
    for ran, best in zip(stopped["epochs_run"], stopped["best_epochs"], strict=True):
        assert ran == min(best + 1, 6)
    for name in rows:
        assert name in done.stdout
    assert settings_effect.block(found) in done.stdout
    assert not list((study / "checkpoints").glob("*/*"))
