"""An arm's score in rows and records, and in words: by whatever metric the study has.

A row or entry has its score on test under `test_` and the metric's name, which tells its unit. What
is a difference of two arms is in points and better when higher, whichever way the metric goes; a
point is a hundredth, and of a metric without bound (log loss, RMSE) one of its own unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.metrics.measure import ACCURACY, Measure, measure_named

Entry = Mapping[str, Any]
_ENDS = ("_low", "_high", "_sentences")


def measure_of(entry: Entry) -> Measure:
    """Return by which measure an entry's score is."""
    return measure_named(_key(entry).removeprefix("test_"))


def measure_in(record: Entry) -> Measure:
    """Return by which measure a whole record's scores are; it names it if it is not accuracy."""
    return measure_named(record.get("metric", ACCURACY))


def score(entry: Entry) -> float:
    """Return the score on test."""
    return float(entry[_key(entry)])


def merit(entry: Entry) -> float:
    """Return the same so that more is better, and a hundredth is a point."""
    return measure_of(entry).merit(score(entry))


def shown(entry: Entry) -> str:
    """Write the score on test: in per cent, or as it is."""
    return measure_of(entry).shown(score(entry))


def cell(entry: Entry) -> str:
    """Write the score on test with its interval, for a column that `column` names."""
    values = (score(entry), entry["low"], entry["high"])
    if measure_of(entry).in_percent:
        return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in values))
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def column(measure: Measure) -> str:
    """Name a column of scores on test."""
    return f"test {measure.words}{', %' if measure.in_percent else ''}"


def seed_scores(row: Entry) -> list[float]:
    """Return the score on test of every seed, of a row of `plots/rank_curve.json`."""
    found: list[float] = row["seed_scores"]
    return found


def axis(measure: Measure, split: str = "Test") -> str:
    """Name an axis of scores."""
    return f"{split} {measure.words}{' (%)' if measure.in_percent else ''}"


def digits(measure: Measure) -> int:
    """Return to how many digits points are written: more where a point is one of the own unit."""
    return 1 if measure.scale == 100 else 3


def points_words(measure: Measure) -> str:
    """Say what a point is, where it is no point of per cent; empty else."""
    if measure.in_percent:
        return ""
    if measure.higher:
        return f"A point is 0.01 of {measure.words}."
    return (
        f"A point is 1 of {measure.words}, which is better the lower it is; differences are "
        "turned, so that above is better."
    )


def _key(entry: Entry) -> str:
    return next(k for k in entry if k.startswith("test_") and not k.endswith(_ENDS))
