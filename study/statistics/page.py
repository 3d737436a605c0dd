"""Page's test (1963, "Ordered hypotheses for multiple treatments") with the exact law of ties.

Within every block k values are put in order, the statistic is L = sum of j R_ij over blocks i and
places j, and where there is no trend every order of a block's ranks is equally likely. Values that
tie share the mean of their ranks. SciPy's exact test takes the ranks 1 to k whatever ties there
are, and so does not give the law of L then; here each block's own ranks are permuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import page_trend_test, rankdata

MOST = 10  # places of an exact test; 2^k sets of places are gone through


class PageTest(NamedTuple):
    """L, the chance of one as large (`rise`), of one as small (`fall`), and "exact" or not."""

    statistic: float
    rise: float
    fall: float
    method: str


def page_test(table: NDArray[np.float64]) -> PageTest:
    """Test for a rise from place to place, and for a fall.

    Args:
        table: (num_blocks, k), k at least 3; beyond `MOST` places the normal approximation is
            taken, which knows nothing of ties and is then conservative.
    """
    if table.shape[1] > MOST:
        rise, fall = page_trend_test(table), page_trend_test(np.flip(table, axis=1))
        p_values = float(rise.pvalue), float(fall.pvalue)
        return PageTest(float(rise.statistic), *p_values, str(rise.method))
    doubled = np.rint(2 * rankdata(table, axis=1)).astype(np.int64)  # mid-ranks are halves
    found = int((doubled * np.arange(1, table.shape[1] + 1)).sum())
    law = np.ones(1)
    for row in doubled:
        law = np.convolve(law, _of_block(tuple(sorted(row.tolist()))))
    return PageTest(found / 2, _sum(law[found:]), _sum(law[: found + 1]), "exact")


@cache
def _of_block(ranks: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the chance of every value of sum j R_j over all orders of one block's ranks."""
    k = len(ranks)
    size = sum(place * rank for place, rank in enumerate(ranks, 1)) + 1  # the largest, in order
    by_set: dict[int, NDArray[np.float64]] = {0: np.zeros(size)}
    by_set[0][0] = 1.0
    for i, rank in enumerate(ranks):  # to any place that is free
        following: dict[int, NDArray[np.float64]] = {}
        for taken, law in by_set.items():
            for place in range(k):
                if taken >> place & 1:
                    continue
                moved, shift = taken | 1 << place, rank * (place + 1)
                added = following.setdefault(moved, np.zeros(size))
                added[shift:] += law[: size - shift] / (k - i)
        by_set = following
    (law,) = by_set.values()
    return law


def _sum(chances: Sequence[float] | NDArray[np.float64]) -> float:
    return min(1.0, float(np.sum(chances)))
