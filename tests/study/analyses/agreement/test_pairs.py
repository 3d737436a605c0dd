"""Means over pairs of runs, against pairs taken one by one."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.agreement.pairs import different_seeds, same_seed
from study.statistics.crossed import crossed


def values(num_seeds: int, num_sentences: int = 50) -> np.ndarray:
    return np.random.default_rng(3).random((num_seeds, num_seeds, num_sentences))


def pairs_of(made: np.ndarray, *without: int) -> np.ndarray:
    """Return the mean over ordered pairs of different seeds of each sentence, taken one by one."""
    seeds = [seed for seed in range(len(made)) if seed not in without]
    return np.mean([made[s, t] for s in seeds for t in seeds if s != t], axis=0)


def test_means_are_those_of_the_pairs():
    made = values(4)
    same = np.mean([made[s, s] for s in range(4)])
    assert same_seed(made).mean == pytest.approx(same)
    assert different_seeds(made).mean == pytest.approx(pairs_of(made).mean())


@pytest.mark.parametrize("num_seeds", [3, 5])
def test_each_seed_has_its_pseudo_value(num_seeds: int):
    made = values(num_seeds)
    found = different_seeds(made).values
    assert found.mean(axis=0) == pytest.approx(pairs_of(made))  # of each sentence
    for seed in range(num_seeds):
        wanted = num_seeds * pairs_of(made) - (num_seeds - 1) * pairs_of(made, seed)
        assert found[seed] == pytest.approx(wanted)


def test_a_seed_with_itself_counts_for_nothing_among_different_seeds():
    made = values(3)
    changed = made.copy()
    changed[range(3), range(3)] = 1e6
    assert different_seeds(changed).values == pytest.approx(different_seeds(made).values)
    assert changed[0, 0, 0] == 1e6  # and what was passed is left as it is


def test_a_quantity_of_each_seed_alone_has_the_variance_of_its_mean():
    """h(s, t) = x_s + x_t, whose mean over pairs is twice the mean of x: no jackknife is needed."""
    x = np.array([0.1, 0.4, 0.2, 0.9])
    made = (x[:, None] + x[None])[:, :, None] + np.zeros(30)
    found = different_seeds(made).crossed()
    assert found.seeds[0] == pytest.approx(4 * x.var(ddof=1) / 4)


def test_the_order_of_seeds_changes_nothing():
    made, order = values(4), [2, 0, 3, 1]
    first, second = different_seeds(made), different_seeds(made[order][:, order])
    assert second.describe(0.95) == pytest.approx(first.describe(0.95))


def test_two_seeds_make_one_pair_whose_sentences_alone_are_uncertain():
    made = values(2)
    found = different_seeds(made)
    assert found.values == pytest.approx(pairs_of(made)[None])
    level = different_seeds(np.full((2, 2, 40), 0.25)).describe(0.95)
    assert level == pytest.approx({"mean": 0.25, "low": 0.25, "high": 0.25})


def test_a_difference_is_paired():
    made = values(3)
    difference = different_seeds(made + 0.5) - different_seeds(made)
    described = difference.describe(0.95, "difference")
    assert described == pytest.approx({"difference": 0.5, "low": 0.5, "high": 0.5})


def test_booleans_are_shares_and_numbers_are_not():
    """No pair differs on 40 sentences: of a share 3 of 40 may go unseen, of a divergence none."""
    never = np.zeros((3, 3, 40), bool)
    for estimate in (same_seed, different_seeds):
        share = estimate(never).describe(0.95, least=0)
        assert (share["mean"], share["low"]) == (0, 0)
        assert 0.05 < share["high"] < 0.1
        nats = estimate(never.astype(float)).describe(0.95, least=0)
        assert nats == {"mean": 0, "low": 0, "high": 0}
        assert estimate(~never).describe(0.95, least=0)["high"] == 1


def disagreement(rng: np.random.Generator, of_run: float, num_seeds: int = 4) -> np.ndarray:
    """Return where runs of normal scores have different signs, (S, S, 200)."""
    scores = rng.normal(size=200) + of_run * rng.normal(size=(num_seeds, 1))
    signs = scores + rng.normal(size=(num_seeds, 200)) > 0
    return signs[:, None] != signs[None]


@pytest.mark.parametrize("of_run", [0.0, 0.1])
def test_intervals_cover_the_truth_at_least_as_often_as_they_say(of_run: float):
    rng = np.random.default_rng(0)
    # Two runs' scores correlate by this much, and their signs differ with chance acos / pi.
    truth = np.arccos(1 / (2 + of_run**2)) / np.pi
    covered = []
    for _ in range(600):
        found = different_seeds(disagreement(rng, of_run)).describe(0.9)
        covered.append(found["low"] <= truth <= found["high"])
    assert np.mean(covered) >= 0.9 - 3 * np.sqrt(0.09 / 600)


def test_seeds_count_for_more_than_their_sentences_suggest():
    """Runs that are far apart widen the interval, whatever the number of sentences."""
    rng = np.random.default_rng(0)
    made = np.repeat(disagreement(rng, 1.0), 20, axis=2)
    found = different_seeds(made)
    of_sentences = np.sqrt(crossed(found.values).sentences[0])
    described = found.describe(0.95)
    assert described["high"] - described["low"] > 4 * of_sentences
