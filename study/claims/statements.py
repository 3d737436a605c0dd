"""Statements that an estimate lies above or below a limit, and how several are judged together.

With alpha = 1 - confidence, a statement is shown if the two-sided interval of that confidence lies
beyond its limit, is refuted if it lies on the other side, and is open if it does neither.

- every of k: holds if each one is shown. Each is tested at alpha itself, because all must pass
  (intersection-union test, Berger 1982). Refuted if any one is at alpha / k, because each is a new
  chance to be wrong: Bonferroni, which for "any one" is the first step of Holm's procedure (1979).
- some of k: the other way round.

Either verdict errs with a chance of at most alpha / 2, as far as the intervals are what they say.

Told is the statement that decides, with the interval that it was tested with:

- every, holds: the one that was nearest to failing;
- every, does not hold: the one that was refuted most clearly, at alpha / k;
- every, cannot be told: the one that was farthest from being shown; if one is refuted alone and
  not at alpha / k, the one that came nearest to it, at alpha / k;
- some: the same of the negated statements.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from study.claims.estimates import Estimate
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, Numbers
from study.words.phrases import significant


@dataclass(frozen=True)
class Statement:
    """That an estimate lies above a limit, or below it; `what` it is of, in words."""

    what: str
    estimate: Estimate
    limit: float
    is_above: bool
    unit: str = ""

    def distance(self) -> float:
        """Return how far the value is on the side that is stated."""
        return (1 if self.is_above else -1) * (self.estimate.value - self.limit)

    def shown_by(self, alpha: float) -> float:
        """Return how far the interval of 1 - alpha keeps from the limit; negative: it does not."""
        return self.distance() - self.estimate.half_width(alpha / 2)

    def refuted_by(self, alpha: float) -> float:
        """Return how far that interval lies on the other side; negative if it does not."""
        return -self.distance() - self.estimate.half_width(alpha / 2)

    def negated(self) -> Statement:
        return replace(self, is_above=not self.is_above)

    def words(self) -> str:
        """Say it: rank 8 minus rank 1 above 1 point."""
        unit = self.unit.removesuffix("s") if abs(self.limit) == 1 else self.unit
        limit = f"{significant(self.limit)} {unit}".rstrip() if self.limit else "0"
        return f"{self.what} {'above' if self.is_above else 'below'} {limit}"


def above(what: str, estimate: Estimate, limit: float = 0.0, unit: str = "") -> Statement:
    """State that an estimate lies above a limit."""
    return Statement(what, estimate, limit, True, unit)


def below(what: str, estimate: Estimate, limit: float = 0.0, unit: str = "") -> Statement:
    """State that an estimate lies below a limit."""
    return Statement(what, estimate, limit, False, unit)


def within(what: str, estimate: Estimate, margin: float, unit: str = "") -> Iterable[Statement]:
    """State that an estimate lies between -margin and margin: two statements."""
    return above(what, estimate, -margin, unit), below(what, estimate, margin, unit)


@dataclass(frozen=True)
class Finding:
    """The verdict on several statements.

    Attributes:
        statement: the one that decides; `alpha`: of the interval that it was tested with.
        shown: how many of the statements are shown alone, of how many.
        seeds: how many of them would decide if all were as measured; None if no number is known.
    """

    verdict: str
    statement: Statement
    alpha: float
    correction: str
    shown: int
    of: int
    seeds: int | None = None

    def numbers(self) -> Numbers:
        """Return the deciding statement, its value with the tested interval, and the correction.

        `tested` in words, `value`, `low`, `high`, of confidence `level` and `over` what; of several
        statements also the `correction`, and how many are `shown`. What is infinite is None.
        """
        estimate = self.statement.estimate
        low, high = estimate.interval(self.alpha)
        found: Numbers = {
            "tested": self.statement.words(),
            "value": estimate.value,
            "low": _finite(low),
            "high": _finite(high),
            "level": round(1 - self.alpha, 6),
            "over": estimate.over,
        }
        if self.correction:
            found |= {"correction": self.correction}
        return found | ({"shown": f"{self.shown} of {self.of}"} if self.of > 1 else {})


def every(statements: Iterable[Statement], alpha: float, power: float = 0.8) -> Finding:
    """Judge that all of the statements hold; at least one is needed."""
    each = list(statements)
    number = len(each)
    shown = sum(one.shown_by(alpha) > 0 for one in each)
    weakest = min(each, key=lambda one: one.shown_by(alpha))
    alone = f"none, as all of {number} have to be shown" if number > 1 else ""
    if shown == number:
        return Finding(HOLDS, weakest, alpha, alone, shown, number)
    shared = alpha / number
    refuted = max(each, key=lambda one: one.refuted_by(shared))
    corrected = f"Bonferroni over {number}" if number > 1 else ""
    if refuted.refuted_by(shared) > 0:
        return Finding(FAILS, refuted, shared, corrected, shown, number)
    seeds = _seeds_to_tell(each, alpha, power)
    if max(one.refuted_by(alpha) for one in each) > 0:
        return Finding(UNTOLD, refuted, shared, corrected, shown, number, seeds)
    return Finding(UNTOLD, weakest, alpha, alone, shown, number, seeds)


def some(statements: Iterable[Statement], alpha: float, power: float = 0.8) -> Finding:
    """Judge that at least one of the statements holds."""
    each = list(statements)
    found = every([one.negated() for one in each], alpha, power)
    none = found.correction.replace("shown", "refuted")
    return replace(
        found,
        verdict={HOLDS: FAILS, FAILS: HOLDS, UNTOLD: UNTOLD}[found.verdict],
        statement=found.statement.negated(),
        correction=none,
        shown=sum(one.shown_by(alpha) > 0 for one in each),
    )


def any_candidate(candidates: Sequence[list[Statement]], alpha: float, power: float) -> Finding:
    """Judge that for some candidate all of its statements hold.

    Each is tested at alpha shared out over them. Refuted if every one is at alpha. Told is the
    first one that was shown, or the one that came nearest.
    """
    share = alpha / len(candidates)
    found = [every(statements, share, power) for statements in candidates]
    nearest = max(found, key=lambda one: one.statement.shown_by(share))
    best = next((one for one in found if one.verdict == HOLDS), nearest)
    over = f"Bonferroni over {len(candidates)} ranks" if len(candidates) > 1 else best.correction
    if best.verdict != HOLDS:
        refuted = [every(statements, alpha, power) for statements in candidates]
        if all(one.verdict == FAILS for one in refuted):
            return refuted[found.index(best)]
        open_ = [one for one in found if one.seeds is not None]
        soonest = min((one.seeds for one in open_ if one.seeds), default=None)
        return replace(best, verdict=UNTOLD, correction=over, seeds=soonest)
    return replace(best, correction=over)


def _seeds_to_tell(statements: Sequence[Statement], alpha: float, power: float) -> int | None:
    """Return the seeds that decide if the truth is as measured: all shown, or any one refuted."""
    wrong = [one for one in statements if one.distance() < 0]
    tail = alpha / 2 / len(statements) if wrong else alpha / 2
    needed = [one.estimate.seeds(abs(one.distance()), tail, power) for one in wrong or statements]
    known = [seeds for seeds in needed if seeds is not None]
    if wrong:
        return min(known, default=None)
    return max(known) if len(known) == len(needed) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
