"""The smaller rank that a reader may take instead of the recommended one, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from study.analyses.results.summary import entries
from study.pages.report.intervals import interval_words
from study.records.arm_names import LORA
from study.words.phrases import apart, counted, margin
from study.words.scores import digits, measure_in

Record: TypeAlias = Mapping[str, Any]


def smaller(summary: Record, sufficient_rank: Record) -> str:
    """Name the smallest rank that loses no more than a margin, the least at which there is one.

    Args:
        summary: `metrics/summary.json`; sufficient_rank: `metrics/sufficient_rank.json`.

    Returns:
        A sentence behind others; empty if there is no such rank.
    """
    rows, picked = sufficient_rank["smaller"], sufficient_rank["recommended"]["rank"]
    trained = [
        row for row in rows if row["rank"] not in sufficient_rank["recommended"]["untrained"]
    ]
    for width in sorted(at["margin"] for at in sufficient_rank["equivalence"]):
        within = [row for row in trained if row["low"] is not None and row["low"] >= -width]
        if within:
            row = min(within, key=lambda each: int(each["rank"]))
            entry, written = entries(summary)[LORA, row["rank"]], digits(measure_in(summary))
            gap, low, high = (row[key] / 100 for key in ("difference", "low", "high"))
            return (
                f" If {margin(width)} less does not matter to you, rank {row['rank']} will do: it "
                f"trains {counted(entry['trainable_parameters'], 'parameter')}, and on the test "
                f"sentences it is {apart(gap, f'rank {picked}', written)} "
                f"({100 * summary['confidence']:g} % interval: "
                f"{interval_words(low, high, written)})."
            )
    return ""
