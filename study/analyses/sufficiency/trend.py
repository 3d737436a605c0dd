"""Does accuracy rise with the rank?

Page's test (1963, "Ordered hypotheses for multiple treatments"): within every seed ranks are put in
order of test accuracy; under no trend every order is equally likely. Seeds are the blocks. All of
them are scored on the same test sentences, so the test speaks of other seeds and these sentences: a
trend may come from them, which the test cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import page_trend_test

from study.statistics.resampling import Scores
from study.words.phrases import counted

_RANKS = 3
_SEEDS = 2


def trend(correct: Scores) -> dict[str, Any]:
    """Test for a rise of accuracy with the rank, and for a fall.

    Args:
        correct: (num_ranks, num_seeds, num_sentences), ranks ascending.

    Returns:
        As `page`.
    """
    return page(correct.mean(axis=2).tolist())


def page(values: Sequence[Sequence[float]], things: str = "rank") -> dict[str, Any]:
    """Test by Page's test whether values rise from row to row, seeds being the blocks.

    Args:
        values: a row a rank, in the order of a rise, and in it a value a seed.
        things: what the rows are, in the singular, for the reason.

    Returns:
        `statistic` and `p_value` of a rise, `p_value_of_a_fall`, `method` ("exact" or
        "asymptotic") and `reason`; where the test cannot be done all but the reason are None.
    """
    table = np.array(values).T  # (seeds, ranks)
    wanting = []
    if len(values) < _RANKS:
        wanting.append(f"at least {_RANKS} {things}s, here {counted(len(values), things)}")
    if len(table) < _SEEDS:
        wanting.append(f"at least {_SEEDS} seeds, here {counted(len(table), 'seed')}")
    if wanting:
        keys = ("statistic", "p_value", "p_value_of_a_fall", "method")
        return dict.fromkeys(keys) | {"reason": f"Page's test needs {' and '.join(wanting)}"}
    rise, fall = page_trend_test(table), page_trend_test(np.flip(table, axis=1))
    return {
        "statistic": float(rise.statistic),
        "p_value": float(rise.pvalue),
        "p_value_of_a_fall": float(fall.pvalue),
        "method": rise.method,
        "reason": None,
    }
