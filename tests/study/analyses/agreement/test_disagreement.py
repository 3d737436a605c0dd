"""Disagreement between arms whose predictions are made so that it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from study.analyses.agreement.disagreement import (
    LESS,
    MORE,
    UNTOLD,
    differ,
    disagreement,
    predictions,
)
from study.records.runs import ArmRecord
from tests.study.analyses.agreement.made import STATISTICS
from tests.study.fake_records import fake_arm

SENTENCES, CLASSES = 600, 20


def arm(name: str, classes: np.ndarray, rank: int | None = None) -> ArmRecord:
    """An arm of these predictions (S, n) on sentences whose class is 0."""
    seeds = range(len(classes))
    made = fake_arm(name, rank, seeds=seeds, num_sentences=classes.shape[1], num_classes=CLASSES)
    runs = tuple(
        replace(
            run,
            test_predictions=tuple(int(c) for c in classes[run.seed]),
            test_score=float(np.mean(classes[run.seed] == 0)),
        )
        for run in made.picked()
    )
    return replace(made, runs=runs, test_labels=(0,) * classes.shape[1])


def noisy(share: float, seed: int, num_seeds: int = 3, base: int = 0) -> np.ndarray:
    """Runs that choose the class `base`, and by luck the next one on a share of the sentences."""
    draw = np.random.default_rng(seed)
    return base + (draw.random((num_seeds, SENTENCES)) < share).astype(int)


def compared(own: np.ndarray, tuned: np.ndarray) -> tuple[dict, dict]:
    full = arm("full", tuned)
    found = disagreement([arm("lora", own, 4), full], full, STATISTICS)
    (row,) = found["arms"]
    return row, found["full_with_itself"]


def test_identical_models_disagree_on_nothing():
    tuned = noisy(0.2, 0)
    row, yardstick = compared(tuned, tuned)
    assert (row["mean"], row["low"]) == (0, 0)
    assert 0 < row["high"] < 0.006  # 3 of 600 may have gone unseen
    excess = row["excess"]
    assert excess["difference"] == 0
    assert excess["verdict"] == UNTOLD
    assert excess["high"] == -excess["low"] < 0.006
    assert row["systematic"]["mean"] == 0
    assert yardstick["mean"] == pytest.approx(0.32, abs=0.03)  # 2 x .2 x .8


def test_shares_are_counted_over_the_right_pairs():
    """Seed 1 of the arm is seed 0 of full fine-tuning, so that only the first form sees them."""
    tuned = np.zeros((2, 10), dtype=int)
    tuned[0, :4] = 1
    own = tuned[::-1].copy()
    row, yardstick = compared(own, tuned)
    assert row["mean"] == pytest.approx(0.4)
    assert row["different_seeds"]["mean"] == 0
    assert yardstick["mean"] == pytest.approx(0.4)
    assert row["excess"]["difference"] == pytest.approx(-0.4)
    assert row["excess"]["verdict"] == LESS


def test_other_answers_are_told_from_the_luck_of_seeds():
    tuned, own = noisy(0.1, 0), noisy(0.1, 1)
    row, _ = compared(own, tuned)
    assert row["excess"]["verdict"] == UNTOLD
    assert row["systematic"]["low"] <= 0 <= row["systematic"]["high"]
    own[:, : SENTENCES // 5] = 7  # a fifth of the sentences, whatever the seed
    row, _ = compared(own, tuned)
    assert row["excess"]["verdict"] == MORE
    # Votes differ there by 1 for class 7, .9 and .1 for the two others.
    assert row["systematic"]["mean"] == pytest.approx(0.2 * (1 + 0.81 + 0.01) / 2, abs=0.03)


def test_a_noisier_arm_disagrees_more_and_not_systematically():
    """On a fifth of the sentences its runs vote 9 to 1 where full fine-tuning's vote as one."""
    row, yardstick = compared(noisy(0.1, 1), noisy(0.0, 0))
    assert yardstick["mean"] == 0
    assert row["excess"]["verdict"] == MORE
    assert row["with_itself"]["mean"] == pytest.approx(0.18, abs=0.03)
    assert row["systematic"]["mean"] == pytest.approx(0.01, abs=0.01)  # (.1^2 + .1^2) / 2


def test_more_ranks_ask_for_more_before_any_of_them_is_told():
    """By Holm's procedure over ranks; head-only is no rank, and is asked by itself."""
    tuned = noisy(0.05, 0)
    own = tuned.copy()
    own[:, :10] = 7
    full = arm("full", tuned)

    def rows(*ranks: int) -> list[dict]:
        arms = [arm("head_only", own), *(arm("lora", own, rank) for rank in ranks), full]
        return disagreement(arms, full, STATISTICS)["arms"]

    head, one = rows(1)
    assert head["excess"] == one["excess"]
    assert one["excess"]["p_more"] + one["excess"]["p_less"] == pytest.approx(1)
    assert one["excess"]["p_more"] < 0.025
    head, *many = rows(*range(1, 7))
    assert head["excess"] == one["excess"]
    for row in many:
        assert row["excess"]["p_more"] == pytest.approx(6 * one["excess"]["p_more"])
        assert (row["excess"]["verdict"] == MORE) == (row["excess"]["p_more"] <= 0.025)
        assert row["excess"]["low"] == one["excess"]["low"]  # of each alone


def test_more_and_less_are_both_asked_and_share_the_error_rate():
    """What one direction alone would show at 5 % is left open, and its interval holds 0."""
    tuned = noisy(0.05, 0)
    for sentences in range(1, 12):
        own = tuned.copy()
        own[:, :sentences] = 7
        row, _ = compared(own, tuned)
        if 0.025 < row["excess"]["p_more"] <= 0.05:
            break
    else:
        raise AssertionError("no case between the two levels")
    assert row["excess"]["verdict"] == UNTOLD
    assert row["excess"]["low"] < 0 < row["excess"]["high"]
    assert "cannot be told" in row["excess"]["verdict"]


def test_accuracies_force_some_of_it():
    tuned, own = np.zeros((2, 10), dtype=int), np.zeros((2, 10), dtype=int)
    own[:, :3] = 1
    row, _ = compared(own, tuned)
    assert row["forced_by_accuracy"] == pytest.approx(0.3)
    assert row["mean"] == pytest.approx(0.3)


def test_with_one_seed_what_takes_two_has_a_reason_and_the_rest_an_interval():
    tuned = noisy(0.1, 0, num_seeds=1)
    row, yardstick = compared(noisy(0.1, 1, num_seeds=1), tuned)
    assert 0 < row["low"] < row["mean"] < row["high"]
    assert "one seed" in yardstick["reason"]
    for name in ("different_seeds", "with_itself", "systematic", "excess"):
        assert "one seed" in row[name]["reason"]


def test_the_order_of_runs_in_a_record_does_not_matter():
    made = fake_arm("lora", 2, num_sentences=50)
    shuffled = replace(made, runs=tuple(reversed(made.runs)))
    assert np.array_equal(predictions(made), predictions(shuffled))


def test_pairs_are_first_arm_by_second_arm():
    own, tuned = np.array([[0, 1], [2, 2]]), np.array([[0, 2], [5, 5]])
    found = differ(own, tuned)
    assert found.tolist() == [[[False, True], [True, True]], [[True, False], [True, True]]]
