"""A placement at one rank as its stage leaves it: placement/metrics/runs/NAME-rRANK.json.

name, rank
main        where the main study's LoRA is: the placement's `name` (None: none of them), `modules`
            (their names inside a layer), `matrices` and `layers`, and a `note`
place       the same of the placement; not where the model has no such place
run         the record of its runs (`study.records.runs`), or
reason      why none were trained
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError
from study.records.json_file import read_json
from study.records.runs import ArmRecord

LABELS = {
    "query_value": "query and value",
    "attention": "all of attention",
    "mlp": "the MLP",
    "all_linear": "all linear layers",
    "upper_half": "the upper half of the layers",
    "lower_half": "the lower half of the layers",
}
AGAIN = "run `dvc repro placement/dvc.yaml`"


@dataclass(frozen=True)
class Cell:
    """A placement at a rank; `record` is None where a `reason` says why."""

    name: str
    rank: int
    main: Mapping[str, Any]
    place: Mapping[str, Any] | None
    record: ArmRecord | None
    reason: str | None


def read_cells(
    folder: Path, names: Sequence[str], ranks: Sequence[int], beside: ArmRecord
) -> list[Cell]:
    """Read every placement at every rank.

    Args:
        folder: placement/metrics/runs.
        beside: full fine-tuning, with whose seeds and test sentences all are paired.

    Raises:
        StudyError: a file is missing, holds something else, or is of other seeds or sentences.
    """
    return [_read(folder, name, rank, beside) for name in names for rank in sorted(ranks)]


def _read(folder: Path, name: str, rank: int, beside: ArmRecord) -> Cell:
    path = folder / f"{name}-r{rank}.json"
    if not path.is_file():
        raise StudyError(f"{path}: no such file; {AGAIN}")
    value = read_json(path)
    try:
        run, reason = value.get("run"), value.get("reason")
        record = None if run is None else ArmRecord.from_json(run)
        cell = Cell(value["name"], value["rank"], value["main"], value.get("place"), record, reason)
    except (AttributeError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: no record of a placement ({error!r}); {AGAIN}") from error
    if (cell.name, cell.rank) != (name, rank):
        raise StudyError(f"{path}: holds {cell.name} at rank {cell.rank}; {AGAIN}")
    if record is not None:
        seeds, wanted = ([run.seed for run in arm.picked()] for arm in (record, beside))
        if seeds != wanted:
            raise StudyError(f"{path}: seeds {seeds}, but full fine-tuning's are {wanted}; {AGAIN}")
        if (record.test_labels, record.metric) != (beside.test_labels, beside.metric):
            raise StudyError(f"{path}: another test than metrics/runs/full.json; {AGAIN}")
    return cell
