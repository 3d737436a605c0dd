"""Does accuracy rise with the rank?

Page's test (1963, "Ordered hypotheses for multiple treatments"): within every seed ranks are put in
order of test accuracy; under no trend every order is equally likely. Seeds are the blocks. All of
them are scored on the same test sentences, so the test speaks of other seeds and these sentences: a
trend may come from them, which the test cannot know. In simulation of 6 equal ranks with 3 seeds
and 3,000 sentences, at a nominal 5 %, it shows a trend in 5.1 % of studies where ranks differ in
nothing, and in up to 9.5 % where each suits other sentences. `INTERACTION` says so on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.statistics.page import page_test
from study.statistics.resampling import Scores
from study.words.phrases import counted

RISE, FALL = "rise", "fall"
INTERACTION = (
    "The test takes the test sentences as they are. If ranks differ in which sentences suit them, "
    "it can find a trend that other sentences would not show: of simulated studies with six equal "
    "ranks it then found one in up to 9.5 %, and in 5 % where the ranks did not differ in that."
)

_RANKS = 3
_SEEDS = 2


def shown(trend: Mapping[str, Any], alpha: float) -> str | None:
    """Return what a trend test shows: `RISE`, `FALL` or None.

    Both directions are asked, so each is held to alpha / 2: where there is no trend, the chance to
    show one is alpha at most. Every trend of the study is judged by this rule.

    Args:
        trend: as `page` returns it, without a reason.
    """
    if trend["p_value"] <= alpha / 2:
        return RISE
    return FALL if trend["p_value_of_a_fall"] <= alpha / 2 else None


def trend(merits: Scores) -> dict[str, Any]:
    """Test for a rise of accuracy with the rank, and for a fall.

    Args:
        merits: (num_ranks, num_seeds, num_sentences), ranks ascending.

    Returns:
        As `page`.
    """
    return page(merits.mean(axis=2).tolist())


def page(values: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Test by Page's test whether values rise from row to row, seeds being the blocks.

    Args:
        values: a row a rank, in the order of a rise, and in it a value a seed.

    Returns:
        `statistic` and `p_value` of a rise, `p_value_of_a_fall`, `method` ("exact" or
        "asymptotic") and `reason`; where the test cannot be done all but the reason are None.
    """
    table = np.array(values).T  # (seeds, ranks)
    wanting = []
    if len(values) < _RANKS:
        wanting.append(f"at least {_RANKS} ranks, here {counted(len(values), 'rank')}")
    if len(table) < _SEEDS:
        wanting.append(f"at least {_SEEDS} seeds, here {counted(len(table), 'seed')}")
    if wanting:
        keys = ("statistic", "p_value", "p_value_of_a_fall", "method")
        return dict.fromkeys(keys) | {"reason": f"Page's test needs {' and '.join(wanting)}"}
    found = page_test(table)
    return {
        "statistic": found.statistic,
        "p_value": found.rise,
        "p_value_of_a_fall": found.fall,
        "method": found.method,
        "reason": None,
    }
