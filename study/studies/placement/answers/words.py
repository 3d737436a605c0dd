"""Numbers of the comparison as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.results.sweep import measure_in, seed_scores
from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.records.runs import ArmRecord
from study.words.phrases import listed, margin


def score(record: ArmRecord) -> str:
    """Write an arm's score on test, the mean over seeds."""
    own = seed_scores(record)
    return measure_in(record).shown(sum(own) / len(own))


def interval(low: float, high: float, digits: int = 1) -> str:
    """Write an interval of points: 0.4 to 2.2 points more, or 0.8 less to 1.4 points more."""
    least, most = f"{abs(low):.{digits}f}", f"{abs(high):.{digits}f}"
    if low >= 0:
        return f"{least} to {most} points more"
    if high <= 0:
        return f"{most} to {least} points less"
    return f"{least} less to {most} points more"


def verdicts(rows: Sequence[Mapping[str, Any]] | None) -> str:
    """Say what the verdicts at all margins come to."""
    if rows is None:
        return "-"
    by = {
        verdict: [row["margin"] for row in rows if row["verdict"] == verdict]
        for verdict in (EQUIVALENT, WORSE, BETTER, UNTOLD)
    }
    said = []
    if by[EQUIVALENT]:
        said.append(f"within {margin(min(by[EQUIVALENT]))}")
    if by[WORSE]:
        said.append(f"more than {margin(max(by[WORSE]))} below")
    if by[BETTER]:
        said.append(f"more than {margin(max(by[BETTER]))} above")
    return listed(said) or UNTOLD
