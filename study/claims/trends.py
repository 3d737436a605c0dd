"""Whether something rises or falls from rank to rank: Page's trend test."""

from __future__ import annotations

from collections.abc import Sequence

from study.analyses.sufficiency.trend import FALL, RISE, page, shown
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Numbers


def rises(values: Sequence[Sequence[float]], alpha: float) -> tuple[str, Numbers]:
    """Judge that values rise from row to row, seeds as blocks, and return the p values too.

    Holds if there is a rise, refuted if there is a fall (`study.analyses.sufficiency.trend.shown`).

    Args:
        values: a row a rank and in it a value a seed.

    Raises:
        CannotTell: there are too few rows or seeds.
    """
    trend = page(values)
    if trend["reason"]:
        raise CannotTell(trend["reason"])
    up, down = trend["p_value"], trend["p_value_of_a_fall"]
    verdict = {RISE: HOLDS, FALL: FAILS, None: UNTOLD}[shown(trend, alpha)]
    names = (f"p_value_for_a_{way}_over_ranks" for way in ("rise", "fall"))
    return verdict, dict(zip(names, (up, down), strict=True))


def falls(values: Sequence[Sequence[float]], alpha: float) -> tuple[str, Numbers]:
    """Judge that values fall from row to row: the other way round, as `rises`."""
    verdict, numbers = rises(values, alpha)
    return {HOLDS: FAILS, FAILS: HOLDS, UNTOLD: UNTOLD}[verdict], numbers
