"""Calibration of models whose confidence is made to be right, too high or too low."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from study.analyses.agreement import calibration as module
from study.analyses.agreement.calibration import BINS, calibration, ece, ece_by_chance, reliability
from tests.study.analyses.agreement.made import STATISTICS


def calibrated(
    num_sentences: int = 3000, classes: int = 2, seed: int = 0, seeds: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (S, n, C), the same for each seed, and classes drawn with their probabilities."""
    draw = np.random.default_rng(seed)
    logits = 1.5 * draw.normal(size=(num_sentences, classes))
    below = softmax(logits, axis=-1).cumsum(axis=-1) < draw.random((num_sentences, 1))
    return np.stack([logits] * seeds), below.sum(axis=-1)


def logits_of(confidence: np.ndarray) -> np.ndarray:
    """Logits of two classes of which the first has this probability."""
    return np.log(np.stack([confidence, 1 - confidence], axis=-1))


@pytest.mark.parametrize("classes", [2, 20])
def test_a_calibrated_model_has_the_ece_of_chance_and_no_miscalibration_is_told(classes):
    found = calibration(*calibrated(classes=classes), STATISTICS)
    chance = found["ece_by_chance"]
    assert 0.005 < chance["mean"] < 0.03
    assert found["ece"] < chance["high"]
    assert abs(found["ece"] - chance["mean"]) < 0.01
    assert found["overconfidence_low"] < 0 < found["overconfidence_high"]
    assert found["verdict"] == module.UNTOLD


def test_chance_is_what_drawing_labels_again_and_again_gives():
    """The test of the test: many data sets of which each is calibrated by construction."""
    found = []
    for seed in range(60):
        logits, labels = calibrated(600, seed=seed)
        p = softmax(logits[0], axis=-1)
        right = p.argmax(-1) == labels
        found.append((ece(p.max(-1), right), ece_by_chance(p.max(-1)[None], 1)))
    seen = np.array([one for one, _ in found])
    said = np.array([chance.mean() for _, chance in found])
    assert seen.mean() == pytest.approx(said.mean(), rel=0.07)
    beyond = np.mean([one > np.quantile(chance, 0.9) for one, chance in found])
    assert 0.02 < beyond < 0.22


@pytest.mark.parametrize(("factor", "verdict"), [(3.0, module.OVER), (0.3, module.UNDER)])
def test_logits_that_are_too_large_or_too_small_are_told(factor, verdict):
    logits, labels = calibrated(seeds=3)
    found = calibration(factor * logits, labels, STATISTICS)
    assert found["verdict"] == verdict
    assert found["ece"] > found["ece_by_chance"]["high"]
    # Off in one direction everywhere, so that the signed gap is all there is.
    assert abs(found["overconfidence"]) == pytest.approx(found["ece"], abs=0.01)


def test_a_direction_that_is_not_shown_is_not_said_to_be_none():
    """Every seed is too sure, by 1, 5 and 9 points, and three seeds do not show that they are."""
    confidence = np.full(2000, 0.8)
    logits = np.stack([logits_of(confidence)] * 3)
    right = [np.arange(2000) < share * 2000 for share in (0.79, 0.75, 0.71)]
    # A sentence's label is one; which class a seed gives for it follows from whether it is right.
    labels = np.zeros(2000, dtype=int)
    logits[~np.array(right)] = logits[~np.array(right)][:, ::-1]
    found = calibration(logits, labels, STATISTICS)
    assert found["overconfidence"] == pytest.approx(0.05, abs=1e-9)
    assert found["overconfidence_low"] < 0
    assert found["verdict"] == module.EITHER
    assert "cannot be told" in found["verdict"]


def test_errors_in_both_directions_are_told_by_ece_alone():
    """Sure predictions are too sure and doubtful ones too doubtful: the mean is right."""
    confidence = np.repeat([0.6, 0.9], 1000)
    right = np.concatenate([np.arange(1000) < 800, np.arange(1000) < 700])
    found = calibration(logits_of(confidence)[None], 1 - right.astype(int), STATISTICS)
    assert found["overconfidence"] == pytest.approx(0, abs=1e-9)
    assert found["ece"] == pytest.approx(0.2, abs=0.01)
    assert found["verdict"] == module.EITHER


def test_ece_of_two_known_bins():
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    right = np.array([True, False, True, True])
    assert ece(confidence, right, bins=2) == pytest.approx((0.1 + 0.1) / 2)
    assert ece(confidence, right, bins=1) == pytest.approx(0)  # mean confidence and accuracy: .75
    assert ece(confidence[::-1], right[::-1], bins=2) == pytest.approx(0.1)
    uneven = np.array([0.6, 0.7, 0.8, 0.9])
    assert ece(uneven, right, bins=4) == pytest.approx((0.4 + 0.7 + 0.2 + 0.1) / 4)


@pytest.mark.parametrize("classes", [2, 20])
def test_brier_and_nll_are_sklearns(classes):
    logits, labels = calibrated(500, classes)
    found = calibration(2 * logits, labels, STATISTICS)
    p = softmax(2 * logits[0], axis=-1)
    every = list(range(classes))
    brier = brier_score_loss(labels, p, labels=every, scale_by_half=False)
    assert found["brier"] == pytest.approx(brier)
    assert found["nll"] == pytest.approx(log_loss(labels, p, labels=every))
    for name in ("brier", "nll"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_bins_are_of_equal_mass_and_hold_what_sklearns_do():
    logits, labels = calibrated(1500)
    p = softmax(2 * logits, axis=-1)
    confidence, right = p.max(-1), p.argmax(-1) == labels
    rows = reliability(confidence, right, 0.95)
    accuracy, mean = calibration_curve(right[0], confidence[0], n_bins=BINS, strategy="quantile")
    assert [row["count"] for row in rows] == [100] * BINS
    assert [row["confidence"] for row in rows] == pytest.approx(mean, abs=0.005)
    assert [row["accuracy"] for row in rows] == pytest.approx(accuracy, abs=0.02)
    for row in rows:
        assert row["low"] <= row["accuracy"] <= row["high"]
        width = row["high"] - row["low"]
        error = np.sqrt(row["accuracy"] * (1 - row["accuracy"]) / 100)
        assert width == pytest.approx(2 * 1.96 * error, rel=0.35)


def test_seeds_are_scored_by_themselves_and_their_bins_are_shared():
    """One seed too sure, the other too doubtful by as much: together they would look calibrated."""
    right = np.arange(400) % 4 != 0
    confidence = np.stack([np.full(400, 0.95), np.full(400, 0.55)])
    found = calibration(logits_of(confidence), 1 - right.astype(int), STATISTICS)
    assert found["ece"] == pytest.approx(0.2, abs=0.03)
    assert sum(row["count"] for row in found["bins"]) == 800


def test_fewer_sentences_than_bins_leave_fewer_bins_and_nothing_fails():
    found = calibration(*calibrated(4, classes=20), STATISTICS)
    assert len(found["bins"]) == 4
    assert all(0 <= row["low"] <= row["high"] <= 1 for row in found["bins"])


def test_equal_confidences_stand_in_one_bin_whatever_their_order():
    confidence = np.full(100, 0.7)
    right = np.arange(100) < 70
    assert ece(confidence, right) == pytest.approx(0)
    assert len(reliability(confidence[None], right[None], 0.95)) == 1
