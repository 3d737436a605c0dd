"""How statements are judged: by hand, and on simulated data whose truth is known."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import norm

from study.claims.estimates import Estimate
from study.claims.statements import (
    Finding,
    Statement,
    above,
    any_candidate,
    below,
    every,
    some,
    within,
)
from study.claims.verdicts import FAILS, HOLDS, UNTOLD

ALPHA = 0.1
STUDIES = 2000


@functools.cache
def quantile(tail: float) -> float:
    return float(norm.isf(tail))


def known(value: float, error: float = 1.0) -> Estimate:
    """A normal estimate of known standard error."""
    return Estimate(value, lambda tail: error * quantile(tail), "sentences")


def positive(*values: float) -> list[Statement]:
    """That each of some normal estimates is above 0."""
    return [above(f"number {i}", known(value)) for i, value in enumerate(values)]


def shares(judge: Callable[..., Finding], truths: Sequence[float]) -> dict[str, float]:
    """How often each verdict comes out where the numbers are these, in standard errors."""
    draw = np.random.default_rng(0)
    estimates = draw.normal(truths, 1.0, (STUDIES, len(truths)))
    verdicts = [judge(positive(*row), ALPHA).verdict for row in estimates]
    return {verdict: verdicts.count(verdict) / STUDIES for verdict in (HOLDS, FAILS, UNTOLD)}


@pytest.mark.parametrize(
    ("values", "of_every", "of_some"),
    [
        ([9.0], HOLDS, HOLDS),
        ([-9.0], FAILS, FAILS),
        ([0.5], UNTOLD, UNTOLD),
        ([9.0, 9.0], HOLDS, HOLDS),
        ([9.0, -9.0], FAILS, HOLDS),
        ([9.0, 0.5], UNTOLD, HOLDS),
        ([-9.0, 0.5], FAILS, UNTOLD),
        ([-9.0, -9.0], FAILS, FAILS),
    ],
)
def test_every_and_some_of_clear_and_unclear_numbers(values, of_every, of_some):
    assert every(positive(*values), ALPHA).verdict == of_every
    assert some(positive(*values), ALPHA).verdict == of_some


def test_one_of_many_refutes_only_beyond_bonferronis_limit():
    limit = float(norm.isf(ALPHA / 2 / 10))
    others = [9.0] * 9
    refuted = every(positive(*others, -limit - 0.01), ALPHA)
    assert (refuted.verdict, refuted.correction) == (FAILS, "Bonferroni over 10")
    assert refuted.alpha == ALPHA / 10
    # Refuted alone, and not as one of ten: told is what came nearest, at the level that failed.
    nearly = every(positive(*others, -limit + 0.01), ALPHA)
    assert (nearly.verdict, nearly.alpha, nearly.statement.what) == (UNTOLD, ALPHA / 10, "number 9")
    assert nearly.numbers()["high"] == pytest.approx(0.01)
    assert every(positive(-limit + 0.01), ALPHA).verdict == FAILS


@pytest.mark.parametrize("judge", [every, some])
@pytest.mark.parametrize("truths", [[0.0], [0.0] * 6, [9.0, 9.0, 0.0], [-9.0, -9.0, 0.0]])
def test_where_the_truth_is_on_the_edge_either_error_keeps_its_rate(judge, truths):
    """At 0 a statement is neither: each answer that is not so may come in alpha / 2 of studies."""
    found = shares(judge, truths)
    rate = ALPHA / 2 + 3 * (ALPHA / 2 / STUDIES) ** 0.5
    is_decided = {every: min(truths) < 0, some: max(truths) > 0}[judge]
    if is_decided:
        assert found[{every: HOLDS, some: FAILS}[judge]] == 0
    else:
        assert found[HOLDS] <= rate
        assert found[FAILS] <= rate


def test_told_is_the_statement_that_binds_and_not_the_extreme_one():
    # The least value is sure, the next is not.
    sure, unsure = above("sure", known(2.0, 0.1)), above("unsure", known(3.0, 3.0))
    open_ = every([sure, unsure], 0.05)
    assert (open_.verdict, open_.statement.what, open_.shown) == (UNTOLD, "unsure", 1)
    held = every([sure, above("clear", known(9.0, 1.0))], 0.05)
    assert (held.verdict, held.statement.what, held.alpha) == (HOLDS, "sure", 0.05)
    refuted = every([below("sure", known(2.0, 0.1)), below("unsure", known(3.0, 3.0))], 0.05)
    assert (refuted.verdict, refuted.statement.what, refuted.alpha) == (FAILS, "sure", 0.025)


def test_some_tells_of_the_statement_itself_and_not_of_its_negation():
    found = some(positive(9.0, 0.5), ALPHA)
    numbers = found.numbers()
    assert (found.verdict, numbers["tested"]) == (HOLDS, "number 0 above 0")
    assert (numbers["correction"], numbers["shown"]) == ("Bonferroni over 2", "1 of 2")
    none = some(positive(-9.0, -8.0), ALPHA).numbers()
    assert none["tested"] == "number 1 above 0"
    assert none["correction"] == "none, as all of 2 have to be refuted"


def test_numbers_hold_the_tested_interval_and_nothing_infinite():
    numbers = every([above("x", known(3.0, 0.5), 1.0, "points")], 0.05).numbers()
    assert numbers == {
        "tested": "x above 1 point",
        "value": 3.0,
        "low": pytest.approx(3 - 0.5 * 1.959964),
        "high": pytest.approx(3 + 0.5 * 1.959964),
        "level": 0.95,
        "over": "sentences",
    }
    endless = above("x", Estimate(1.0, lambda tail: float("inf"), "sentences"))
    found = every([endless], 0.05)
    assert (found.verdict, found.numbers()["low"], found.numbers()["high"]) == (UNTOLD, None, None)


def test_words_of_a_statement():
    assert below("x", known(0.0), 0.9, "points").words() == "x below 0.9 points"
    assert [one.words() for one in within("x", known(0.0), 1.0, "points")] == [
        "x above -1 point",
        "x below 1 point",
    ]


def test_a_candidate_is_shown_at_its_share_of_alpha():
    """Two candidates: at 0.05 each the second is shown, at 0.025 only a clearer one is."""
    nearly, clear = 2.1, 2.5  # standard errors; 1.96 at 0.05, 2.24 at 0.025
    open_ = any_candidate([positive(0.0), positive(nearly)], 0.05, 0.8)
    assert (open_.verdict, open_.alpha, open_.correction) == (
        UNTOLD,
        0.025,
        "Bonferroni over 2 ranks",
    )
    assert open_.statement.estimate.value == nearly
    assert any_candidate([positive(0.0), positive(clear)], 0.05, 0.8).verdict == HOLDS
    # All must be refuted, each at alpha itself.
    assert any_candidate([positive(-nearly), positive(-nearly)], 0.05, 0.8).verdict == FAILS
    assert any_candidate([positive(-nearly), positive(0.0)], 0.05, 0.8).verdict == UNTOLD


def test_of_several_candidates_that_are_shown_the_first_is_told():
    found = any_candidate([positive(3.0), positive(9.0)], 0.05, 0.8)
    assert (found.verdict, found.statement.estimate.value) == (HOLDS, 3.0)


def test_all_must_be_told_to_hold_and_one_to_be_refuted():
    def needing(value: float, seeds: int | None) -> Statement:
        return above("x", Estimate(value, lambda tail: 9.0, "seeds", lambda *_: seeds))

    assert every([needing(1.0, 5), needing(1.0, 8)], ALPHA).seeds == 8
    assert every([needing(1.0, 5), needing(1.0, None)], ALPHA).seeds is None
    assert every([needing(-1.0, 5), needing(1.0, 99), needing(-1.0, 4)], ALPHA).seeds == 4
