"""What placement/ found, where its results stand beside this study's: more rank or more modules?

No stage depends on it, as with timings: the study does not train it. Its record is read as it
stands, and only if it is of this study: of the same runs of full fine-tuning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.records.arm_names import FULL
from study.words.scores import seed_scores

RECORD = "placement/metrics/placement.json"
QUESTION = "More rank or more modules?"
NUMBERS = "Where to put LoRA: the numbers"

Record = Mapping[str, Any]


def placed(record: Record | None, summary: Record, rank_curve: Sequence[Record]) -> list[str]:
    """Return the sentences of the answer, none where there is no record or it is of another study.

    Args:
        record: `placement/metrics/placement.json`.
        rank_curve: rows of `plots/rank_curve.json`.
    """
    if record is None or not _beside(record, summary, rank_curve):
        return []
    return list(record["answer"]["words"])


def judged(record: Record | None, records: Record) -> list[Record]:
    """Return the claims, those that placement/ measures with its verdict and numbers.

    Args:
        record: as in `placed`; records: the study's, by name.
    """
    claims = records["claims"]
    if record is None or not _beside(record, records["summary"], records["rank_curve"]):
        return list(claims)
    there = {row["claim"]: row for row in record["claims"]}
    return [_judged(row, there.get(row.get("placement", ""))) for row in claims]


def _judged(row: Record, there: Record | None) -> Record:
    if there is None:
        return row
    source = f"{row['source']}; judged by placement/: “{there['claim']}”"
    return {**row, "source": source, "verdict": there["verdict"], "numbers": there["numbers"]}


def _beside(record: Record, summary: Record, rank_curve: Sequence[Record]) -> bool:
    """Whether a record is of this study: of the same runs of full fine-tuning."""
    (full, *_) = (seed_scores(row) for row in rank_curve if row["arm"] == FULL)
    here = dict(zip(summary["seeds"], full, strict=True))
    beside = record["beside"]
    there = dict(zip(beside["seeds"], beside["full"], strict=True))
    return there.keys() <= here.keys() and all(
        math.isclose(score, here[seed], abs_tol=1e-9) for seed, score in there.items()
    )
