"""The rows of `methods/metrics/comparison.json` in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.entry.errors import StudyError
from study.words.arms import PROBE


def arms(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return every row, the linear probe's after head only's.

    Raises:
        StudyError: the record is from before there was a linear probe.
    """
    if PROBE not in record:
        raise StudyError(
            "methods/metrics/comparison.json: written by other code; run `dvc repro "
            "methods/dvc.yaml:compare`"
        )
    full, head_only, *methods = record["methods"]
    return [full, head_only, record[PROBE], *methods]
