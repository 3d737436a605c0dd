"""Divergence of known distributions, in the direction that is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from study.analyses.agreement.disagreement import MORE
from study.analyses.agreement.divergence import between, divergence, kl
from tests.study.analyses.agreement.made import STATISTICS, all_logits, study


def logits(*p: float) -> np.ndarray:
    return np.log([p]).astype(np.float32)


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def test_two_points():
    """KL(p || q), not the other way round, in nats."""
    p, q = (0.5, 0.5), (0.9, 0.1)
    there = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    back = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert kl(logits(*p), logits(*q))[0] == pytest.approx(there, abs=1e-6)
    assert kl(logits(*q), logits(*p))[0] == pytest.approx(back, abs=1e-6)


def test_twenty_classes_as_scipy_has_it():
    a, b = drawn(2, 7, 20)
    p, q = (softmax(x, axis=-1) for x in (a, b))
    assert kl(a, b) == pytest.approx(rel_entr(p, q).sum(-1))


def test_a_constant_added_to_all_logits_changes_nothing_and_large_logits_stay_finite():
    a = np.array([[3000.0, 0.0]])
    assert kl(a, a + 5)[0] == pytest.approx(0)
    assert kl(a, -a)[0] == pytest.approx(3000)
    assert np.isfinite(kl(-a, a)).all()


def test_pairs_are_first_arm_by_second_arm():
    a, b = drawn(2, 3, 5, 2)
    found = between(a, b)
    assert found.shape == (3, 3, 5)
    assert found[2, 1] == pytest.approx(kl(a[2], b[1]))


def test_an_arm_that_is_its_own_reference_is_at_zero_and_the_others_are_not():
    made = all_logits(study())
    made["lora", 1] = made["full", None].copy()
    found = divergence(made, STATISTICS)
    rows = {(row["arm"], row["rank"]): row for row in found["arms"]}
    assert list(rows) == list(made)
    for arm, key in ((("full", None), "from_full"), (("head_only", None), "from_pretrained")):
        assert [rows[arm][f"{key}{end}"] for end in ("", "_low", "_high")] == [0, 0, 0]
    assert rows["lora", 1]["from_full"] == 0
    assert rows["lora", 1]["excess"]["difference"] == 0
    assert rows["lora", 1]["from_full_different_seeds"] == found["full_with_itself"]
    row = rows["lora", 8]
    assert 0 < row["from_pretrained_low"] < row["from_pretrained"] < row["from_pretrained_high"]


def test_means_over_sentences_and_seeds():
    made = all_logits(study())
    found = divergence(made, STATISTICS)
    row = next(row for row in found["arms"] if row["rank"] == 8)
    lora, full, head = (made[arm] for arm in (("lora", 8), ("full", None), ("head_only", None)))
    assert row["from_full"] == pytest.approx(np.mean([kl(lora[s], full[s]) for s in range(3)]))
    assert row["from_pretrained"] == pytest.approx(
        np.mean([kl(lora[s], head[s]) for s in range(3)])
    )
    itself = [kl(full[s], full[t]) for s in range(3) for t in range(3) if s != t]
    assert found["full_with_itself"]["mean"] == pytest.approx(np.mean(itself))


def test_an_arm_far_away_is_told_from_full_fine_tuning():
    made = all_logits(study())
    made["lora", 1] = -3 * made["full", None]
    rows = divergence(made, STATISTICS)["arms"]
    row = next(row for row in rows if row["rank"] == 1)
    assert row["excess"]["verdict"] == MORE


def test_with_one_seed_there_is_no_yardstick_and_it_says_so():
    found = divergence(all_logits(study(seeds=(5,))), STATISTICS)
    assert "one seed" in found["full_with_itself"]["reason"]
    for row in found["arms"]:
        assert "one seed" in row["excess"]["reason"]
        assert row["from_full_low"] <= row["from_full"] <= row["from_full_high"]
