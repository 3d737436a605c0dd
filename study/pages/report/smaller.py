"""What a reader who takes a smaller rank than the recommended one gives up, at the most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from study.words.phrases import listed, margin

Record: TypeAlias = Mapping[str, Any]


def smaller(summary: Record, sufficient_rank: Record) -> str:
    """Name at every margin the smallest rank that is shown to lose no more, if it is another one.

    Args:
        summary: `metrics/summary.json`; sufficient_rank: `metrics/sufficient_rank.json`.

    Returns:
        A sentence behind others; empty if no smaller rank is shown to lose as little.
    """
    chosen = sufficient_rank["recommended"]
    trained = [row for row in sufficient_rank["smaller"] if row["rank"] not in chosen["untrained"]]
    found: dict[int, float] = {}
    for width in sorted(at["margin"] for at in sufficient_rank["equivalence"]):
        within = [row["rank"] for row in trained if row["low"] is not None and row["low"] >= -width]
        if within and min(within) < min(found, default=chosen["rank"]):
            found[min(within)] = width
    if not found:
        return ""
    costs = listed([f"{margin(width)} (rank {rank})" for rank, width in found.items()])
    return (
        f" A smaller rank loses at most {costs} to it on the test sentences "
        f"({100 * summary['confidence']:g} % intervals, all of them together)."
    )
