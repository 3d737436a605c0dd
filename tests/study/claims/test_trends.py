"""Over ranks alone the trend errs as rarely as it says; with head-only and full it does not."""

from __future__ import annotations

import numpy as np
import pytest

from study.claims.list import CLAIMS
from study.claims.trends import rises
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from tests.study.claims.made import study

ALPHA, STUDIES, RANKS, SEEDS = 0.05, 400, 6, 3
HEAD, LORA, FULL = 0.687, 0.795, 0.812  # mean accuracies, about those of the default study


def equal_ranks(rng: np.random.Generator) -> np.ndarray:
    """Return accuracies (ranks, seeds) of ranks that do not matter: all is luck."""
    return LORA + rng.normal(scale=0.006, size=(RANKS, SEEDS))


@pytest.fixture(scope="module")
def simulated() -> dict[str, float]:
    """In which share of studies a rise is shown, with and without the two arms at the ends."""
    rng, shown = np.random.default_rng(5), {"with ends": 0, "ranks alone": 0}
    for _ in range(STUDIES):
        ranks = equal_ranks(rng)
        ends = np.array([[HEAD], [FULL]]) + rng.normal(scale=0.006, size=(2, SEEDS))
        whole = np.concatenate([ends[:1], ranks, ends[1:]])
        shown["with ends"] += rises(whole.tolist(), ALPHA)[0] == HOLDS
        shown["ranks alone"] += rises(ranks.tolist(), ALPHA)[0] == HOLDS
    return {name: count / STUDIES for name, count in shown.items()}


def test_the_two_ends_alone_would_show_a_rise_over_ranks_that_do_not_matter(simulated):
    assert simulated["with ends"] > 0.7


def test_over_the_ranks_alone_a_rise_is_shown_as_rarely_as_is_said(simulated):
    level = ALPHA / 2
    assert simulated["ranks alone"] <= level + 3 * np.sqrt(level * (1 - level) / STUDIES)


def test_the_claim_leaves_the_ends_out():
    """Equal ranks in a study whose ends are far apart: nothing is told, and both ends are named."""
    test = next(claim.test for claim in CLAIMS if claim.name == "smooth_tradeoff")
    rng = np.random.default_rng(2)
    ranks = {2**i: row.tolist() for i, row in enumerate(equal_ranks(rng))}
    found = test(study(ranks, head=HEAD, full=FULL))
    with_ends = rises([[HEAD] * SEEDS, *ranks.values(), [FULL] * SEEDS], ALPHA)
    assert with_ends[0] == HOLDS
    assert found.verdict == UNTOLD
    assert "full fine-tuning are left out" in found.why


def test_a_rise_and_a_fall_share_the_error_rate():
    """An order is shown from twice its own p value on, whichever way round it is asked."""
    rising = [[1.0, 1.0, 3.0], [2.0, 2.0, 2.0], [3.0, 3.0, 1.0]]
    p = rises(rising, ALPHA)[1]["p_value_for_a_rise_over_ranks"]
    for values, verdict in ((rising, HOLDS), (rising[::-1], FAILS)):
        assert rises(values, 2.001 * p)[0] == verdict
        assert rises(values, 1.99 * p)[0] == UNTOLD
