"""How a claim is judged: by intervals and tests at the study's confidence, with three answers.

A claim is written as statements that an estimated number is above 0. With alpha = 1 - confidence, a
statement holds if the two-sided interval of that confidence lies above 0, is refuted if it lies
below, and cannot be told if it does neither. "Every" and "some" of several statements:

- every: holds if each one holds. Each is tested at alpha itself, because all must pass
  (intersection-union test, Berger 1982). Refuted if any one is at alpha / k (Bonferroni), k their
  number, because each is a new chance to be wrong.
- some: the other way round.

So either verdict errs with a chance of at most alpha / 2, as far as the intervals are what they
say. A claim that counting decides has no interval and is true or false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

HOLDS = "holds"
FAILS = "does not hold"
UNTOLD = "cannot be told"

Numbers = dict[str, Any]


class CannotTell(Exception):
    """Raised in a claim's test where the study lacks what it takes; says what, in words."""

    def __init__(self, why: str, **numbers: Any) -> None:
        super().__init__(why)
        self.numbers: Numbers = numbers


@dataclass(frozen=True)
class Verdict:
    """An answer, why in words, and the numbers that it rests on."""

    verdict: str
    why: str
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated.

    Attributes:
        half_width: how far the truth may be from `value`, by one-sided error rate.
        over: what it would vary over, in words: "seeds and test sentences".
    """

    value: float
    half_width: Callable[[float], float]
    over: str = ""

    def above(self, limit: float) -> Estimate:
        """Return what is above 0 if this is above the limit."""
        return replace(self, value=self.value - limit)

    def below(self, limit: float) -> Estimate:
        """Return what is above 0 if this is below the limit."""
        return replace(self, value=limit - self.value)

    def within(self, margin: float) -> tuple[Estimate, Estimate]:
        """Return the two that are above 0 if this lies between -margin and margin."""
        return self.above(-margin), self.below(margin)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the two-sided interval of confidence 1 - alpha."""
        width = self.half_width(alpha / 2)
        return self.value - width, self.value + width

    def numbers(self, name: str, alpha: float) -> Numbers:
        """Return value, low and high under names that begin with `name`, and what they vary over.

        A limit that is infinite is None.
        """
        low, high = self.interval(alpha)
        found = {name: self.value, f"{name}_low": _finite(low), f"{name}_high": _finite(high)}
        return found | ({"interval_over": self.over} if self.over else {})


def every(statements: Sequence[Estimate], alpha: float) -> str:
    """Judge that all of the numbers are above 0; at least one is needed."""
    if all(one.interval(alpha)[0] > 0 for one in statements):
        return HOLDS
    shared = alpha / len(statements)
    return FAILS if any(one.interval(shared)[1] < 0 for one in statements) else UNTOLD


def some(statements: Sequence[Estimate], alpha: float) -> str:
    """Judge that at least one of the numbers is above 0."""
    opposite = every([one.below(0.0) for one in statements], alpha)
    return {HOLDS: FAILS, FAILS: HOLDS, UNTOLD: UNTOLD}[opposite]


def exactly(true: bool) -> str:
    """Judge what counting decides."""
    return HOLDS if true else FAILS


def over_seeds(values: Sequence[float], what: str) -> Estimate:
    """Return the mean of one value a seed, with Student's t interval over the seeds.

    Raises:
        CannotTell: there is one seed; `what` says of what.
    """
    if len(values) < 2:
        raise CannotTell(f"one seed does not tell how {what} varies over seeds")
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    degrees = len(values) - 1
    return Estimate(
        float(np.mean(values)), lambda alpha: float(student.isf(alpha, degrees)) * error
    )


def from_interval(value: float, low: float, high: float, alpha: float) -> Estimate:
    """Return an estimate of which a record has the interval of confidence 1 - alpha alone.

    At alpha itself the wider of its two sides counts; at other error rates it is scaled as a normal
    distribution's would be.
    """
    width = max(high - value, value - low)
    return Estimate(value, lambda tail: width * float(norm.isf(tail) / norm.isf(alpha / 2)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
