"""What stage check leaves for the stages behind it: how the model computes batches.

It is the same for the same model, so that a changed setting reaches the stages that read it and no
others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from study.entry.errors import StudyError
from study.records.json_file import read_json, write_json
from study.records.prepared import Batching

CHECKED = "metrics/checked.json"


def write_checked(path: str | Path, batching: Batching, words: str) -> None:
    """Write that settings fit, in words, and how the model computes."""
    write_json(path, {"settings": words, "batching": batching})


def read_batching(path: str | Path = CHECKED) -> Batching:
    """Read how the model computes.

    Raises:
        StudyError: the file is missing or says nothing of it.
    """
    value = read_json(path)
    found: Any = value.get("batching") if isinstance(value, Mapping) else None
    if found not in get_args(Batching):
        raise StudyError(
            f"{path}: batching: {str(found)[:60]!r}; allowed: {', '.join(get_args(Batching))}; run "
            "`dvc repro check`"
        )
    known: Batching = found
    return known
