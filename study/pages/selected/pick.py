"""Which of the trained adapters is handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.entry.errors import StudyError
from study.records.runs import ArmRecord, RunRecord

_FILE = "metrics/sufficient_rank.json"


@dataclass(frozen=True)
class Recommendation:
    """The rank that the study recommends; `rule` says in words why, `split` on which sentences."""

    rank: int
    rule: str
    split: str


def recommendation(record: Mapping[str, Any], ranks: tuple[int, ...]) -> Recommendation:
    """Read the recommended rank out of metrics/sufficient_rank.json.

    Args:
        ranks: of the sweep.

    Raises:
        StudyError: the record recommends none of them, or is no such record.
    """
    try:
        part = record["recommended"]
        found = Recommendation(part["rank"], part["rule"], part["split"])
    except (KeyError, TypeError) as error:
        raise StudyError(f"{_FILE}: recommends no rank ({error!r})") from error
    if found.rank not in ranks:
        raise StudyError(
            f"{_FILE}: recommended rank {found.rank}; allowed: {', '.join(map(str, sorted(ranks)))}"
        )
    return found


def best_run(record: ArmRecord) -> RunRecord:
    """Return the run of the best validation accuracy; of equals, that of the smallest seed."""
    return max(record.picked(), key=lambda run: (run.validation_accuracy, -run.seed))
