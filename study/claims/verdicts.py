"""What a claim's test answers: one of three verdicts, why, and what it was decided by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HOLDS = "holds"
FAILS = "does not hold"
UNTOLD = "cannot be told"

MEASURED = "measured"
COUNTED = "counted, not measured"
COMPUTED = "computed, by linear algebra"
CONSTRUCTION = "true by construction, and checked"
"""What a verdict can rest on; the last is of claims that could only fail if the code were wrong."""

Numbers = dict[str, Any]


class CannotTell(Exception):
    """Raised in a claim's test where the study lacks what it takes; says what, in words."""

    def __init__(self, why: str, **numbers: Any) -> None:
        super().__init__(why)
        self.numbers: Numbers = numbers


@dataclass(frozen=True)
class Verdict:
    """An answer, why in words, the numbers that it rests on, and what these are."""

    verdict: str
    why: str
    numbers: Numbers = field(default_factory=dict)
    decided_by: str = MEASURED


def exactly(true: bool) -> str:
    """Judge what counting decides."""
    return HOLDS if true else FAILS


def inside(low: float, high: float, least: float, most: float) -> str:
    """Judge that a number lies from `least` to `most`, by its published interval.

    Of confidence c: holds if all of the interval does, refuted if none of it does; either is wrong
    with a chance of at most 1 - c, as far as the interval is what it says.
    """
    if least <= low and high <= most:
        return HOLDS
    return FAILS if low > most or high < least else UNTOLD
