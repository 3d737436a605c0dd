"""Page's test: the law of L by brute force, without ties and with them."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import page_trend_test, rankdata

from study.statistics.page import MOST, page_test


def by_hand(table: np.ndarray) -> tuple[float, float, float]:
    """L and both p values, every order of every block gone through."""
    ranks = rankdata(table, axis=1)
    places = np.arange(1, table.shape[1] + 1)
    found = float((ranks * places).sum())
    orders = [[float(np.dot(order, places)) for order in permutations(row)] for row in ranks]
    sums = np.array([sum(each) for each in product(*orders)])
    return found, float((sums >= found - 1e-9).mean()), float((sums <= found + 1e-9).mean())


@pytest.mark.parametrize(
    "table",
    [
        [[1, 2, 3], [1, 3, 2]],
        [[1, 1, 2], [3, 1, 3], [2, 2, 2]],
        [[0.5, 0.7, 0.7, 0.9], [0.2, 0.1, 0.4, 0.4], [1, 2, 3, 4]],
        [[4, 3, 2, 1], [4, 4, 1, 1]],
        [[5, 5, 5], [5, 5, 5]],
    ],
)
def test_p_values_are_those_of_every_order_of_the_ranks(table):
    table = np.array(table, dtype=float)
    found = page_test(table)
    assert found[:3] == pytest.approx(by_hand(table))
    assert found.method == "exact"


def test_without_ties_it_is_scipys():
    table = np.random.default_rng(0).normal(size=(4, 6))
    theirs = page_trend_test(table, method="exact")
    assert page_test(table)[:2] == pytest.approx((theirs.statistic, theirs.pvalue))


def test_with_ties_scipys_law_is_another_one():
    """Right answers of 3,000 by seed and rank, of a study of six ranks in which two seeds tie."""
    table = np.array(
        [
            [2361, 2377, 2394, 2377, 2390, 2411],
            [2361, 2402, 2407, 2332, 2398, 2374],
            [2375, 2375, 2402, 2386, 2395, 2381],
        ],
        dtype=float,
    )
    mine, theirs = page_test(table), page_trend_test(table, method="exact")
    assert mine.statistic == theirs.statistic == 240.5
    assert mine.rise == pytest.approx(0.0725, abs=5e-5)
    assert theirs.pvalue == pytest.approx(0.0831, abs=5e-5)


def test_where_ranks_do_not_matter_it_rejects_as_often_as_it_says():
    """Ties as accuracies of few sentences have them; exact, so never more often."""
    draw = np.random.default_rng(1)
    rejected = [page_test(draw.integers(0, 5, (3, 5)) / 5).rise <= 0.05 for _ in range(4000)]
    assert 0.035 < np.mean(rejected) <= 0.05 + 3 * (0.05 * 0.95 / 4000) ** 0.5


def test_many_places_are_approximated():
    table = np.random.default_rng(2).normal(size=(3, MOST + 1))
    assert page_test(table).method == "asymptotic"
