"""Which of the trained adapters is handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.entry.errors import StudyError
from study.metrics.measure import measure_named
from study.records.runs import ArmRecord, RunRecord

_FILE = "metrics/sufficient_rank.json"


@dataclass(frozen=True)
class Recommendation:
    """The rank that is handed out; `rule` says in words why, `split` on which sentences.

    `forced` says that the study does not recommend it, and the settings asked for it all the same.
    """

    rank: int
    rule: str
    split: str
    forced: bool = False


def recommendation(
    record: Mapping[str, Any], ranks: tuple[int, ...], *, force: bool = False
) -> Recommendation | None:
    """Read the recommended rank out of metrics/sufficient_rank.json; None if there is none.

    Args:
        ranks: of the sweep.
        force: take the rank that the rule picks of all ranks where none is recommended.

    Raises:
        StudyError: the record recommends a rank that is none of the sweep, or is no such record.
    """
    try:
        part = record["recommended"]
        forced = part["rank"] is None and force
        rank = part["of_all"] if forced else part["rank"]
        rule, split = part["rule"], part["split"]
    except (KeyError, TypeError) as error:
        raise StudyError(f"{_FILE}: no such record ({error!r})") from error
    if rank is None:
        return None
    if rank not in ranks:
        raise StudyError(
            f"{_FILE}: recommended rank {rank}; allowed: {', '.join(map(str, sorted(ranks)))}"
        )
    return Recommendation(rank, rule, split, forced)


def best_run(record: ArmRecord) -> RunRecord:
    """Return the run that is best on validation; of equals, that of the smallest seed."""
    merit = measure_named(record.metric).merit
    return max(record.picked(), key=lambda run: (merit(run.validation_score), -run.seed))
