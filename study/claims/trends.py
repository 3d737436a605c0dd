"""Whether something rises or falls from rank to rank, or from arm to arm: Page's trend test."""

from __future__ import annotations

from collections.abc import Sequence

from study.analyses.sufficiency.trend import page
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Numbers


def rises(
    values: Sequence[Sequence[float]], alpha: float, things: str = "rank"
) -> tuple[str, Numbers]:
    """Judge that values rise from row to row, seeds as blocks, and return the p values too.

    Holds if there is a rise, refuted if there is a fall, each at alpha / 2.

    Args:
        values: a row a rank and in it a value a seed; `things`: what the rows are.

    Raises:
        CannotTell: there are too few rows or seeds.
    """
    trend = page(values, things)
    if trend["reason"]:
        raise CannotTell(trend["reason"])
    up, down = trend["p_value"], trend["p_value_of_a_fall"]
    verdict = HOLDS if up <= alpha / 2 else FAILS if down <= alpha / 2 else UNTOLD
    names = (f"p_value_for_a_{way}_over_{things}s" for way in ("rise", "fall"))
    return verdict, dict(zip(names, (up, down), strict=True))


def falls(values: Sequence[Sequence[float]], alpha: float) -> tuple[str, Numbers]:
    """Judge that values fall from row to row: the other way round, as `rises`."""
    verdict, numbers = rises(values, alpha)
    return {HOLDS: FAILS, FAILS: HOLDS, UNTOLD: UNTOLD}[verdict], numbers
