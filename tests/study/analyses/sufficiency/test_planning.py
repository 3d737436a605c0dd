"""Seeds and sentences needed: known figures, and what a simulation of them does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from study.analyses.sufficiency.equivalence import equivalent
from study.analyses.sufficiency.planning import (
    Components,
    Question,
    power,
    seeds_needed,
    sentences_needed,
)
from study.statistics.crossed import crossed
from tests.study.analyses.sufficiency.simulated import repeated, stacked, study

HALF = Question(margin=0.005, alpha=0.05, power=0.8)
ONE = Question(margin=0.01, alpha=0.05, power=0.8)


@pytest.mark.parametrize(
    ("question", "points", "needed"),
    [
        *((HALF, sd, n) for sd, n in [(0.2, 4), (0.3, 5), (0.5, 11), (0.8, 24)]),
        *((ONE, sd, n) for sd, n in [(0.2, 3), (0.3, 3), (0.5, 4), (0.8, 8)]),
    ],
)
def test_where_only_seeds_differ_they_are_those_of_a_paired_test(question, points, needed):
    """Figures found by numerical integration, for these deviations between seeds in points."""
    assert seeds_needed(Components((points / 100) ** 2, 0, 0), 3000, question) == needed


def test_where_only_sentences_differ_their_number_follows_from_the_normal_distribution():
    needed = sentences_needed(Components(0, 0.09, 0), 3, ONE)
    quantiles = 1.645 + 1.282  # of alpha, and of half of what power leaves
    assert needed == pytest.approx((quantiles * 0.3 / 0.01) ** 2, rel=0.02)


def test_what_cannot_be_reached_is_none():
    of_sentences = Components(0, 0.09, 0)  # 3,000 of them leave an error of .55 points
    assert seeds_needed(of_sentences, 3000, HALF) is None
    assert sentences_needed(of_sentences, 3, HALF) is not None
    of_seeds = Components(0.01**2, 0, 0)
    assert sentences_needed(of_seeds, 3, HALF) is None
    assert seeds_needed(of_seeds, 3000, HALF) is not None
    assert seeds_needed(Components(0.05**2, 0, 0), 3000, Question(1e-5, 0.05, 0.8)) is None


def test_a_difference_at_the_margin_is_never_told():
    at_margin = ONE.at(0.01)
    assert seeds_needed(Components(1e-5, 0.001, 0.05), 3000, at_margin) is None


@pytest.mark.parametrize("side", [-1, 1])
def test_the_farther_from_the_margin_the_fewer_seeds_it_takes(side):
    parts = Components(0.01**2, 0.01, 0.05)
    needed = [seeds_needed(parts, 3000, ONE.at(side * d)) for d in (0.02, 0.025, 0.03, 0.05)]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > 2 * needed[-1]


def test_more_of_either_is_more_power():
    parts = Components(0.005**2, 0.04, 0.06)
    by_seeds = [power(parts, seeds, 3000, ONE) for seeds in (2, 3, 5, 10, 100, math.inf)]
    by_sentences = [power(parts, 5, number, ONE) for number in (100, 1000, 10_000, math.inf)]
    assert by_seeds == sorted(by_seeds)
    assert by_sentences == sorted(by_sentences)


def test_components_are_found_again():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        table = 0.3 * rng.normal(size=(8, 1)) + rng.normal(size=(1, 60)) + rng.normal(size=(8, 60))
        found.append(Components.estimated(crossed(table)))
    assert np.mean([each.of_seed for each in found]) == pytest.approx(0.09, rel=0.1)
    assert np.mean([each.of_sentence for each in found]) == pytest.approx(1.0, rel=0.1)
    assert np.mean([each.of_rest for each in found]) == pytest.approx(1.0, rel=0.1)


def test_with_one_seed_all_is_laid_on_the_sentences():
    differences = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (1, 500))
    parts = Components.estimated(crossed(differences))
    assert parts.of_seed == 0
    assert parts.of_rest == 0
    assert parts.of_sentence == pytest.approx(differences.var(ddof=1))


@pytest.mark.parametrize("of_run", [0.02, 0.1])
def test_the_power_is_that_of_studies_with_so_many_seeds(of_run):
    """Components from one large study; then small studies of an equal rank, judged."""
    rng = np.random.default_rng(1)
    large = [study(rng, [0.8, 0.8], 40, 3000, of_run=of_run).astype(float) for _ in range(4)]
    parts = Components.estimated(stacked([crossed(arm - full) for arm, full in large]))
    for seeds in (3, 8):
        question = Question(margin=0.06, alpha=0.05, power=0.8)
        told = equivalent(repeated(600, [0.8, 0.8], seeds, 300, of_run=of_run), 0.06, 0.05)[0]
        assert told.mean() == pytest.approx(power(parts, seeds, 300, question), abs=0.1)
