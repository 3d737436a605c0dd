"""The other task: its settings and its sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from study.errors import StudyError
from study.overlap import standing_in
from study.prepared import Prepared
from study.preparing import prepare
from study.settings import DataSettings, Settings


def other_data(settings: Settings) -> DataSettings:
    """Return the settings of the other task's data: what is not in `stacking` is the study's."""
    own = settings.stacking
    assert own.source.label is not None  # an agreement of the settings
    return replace(
        settings.data,
        name=own.source.name,
        subset=own.source.subset,
        split=own.source.split,
        text=own.source.text,
        label=own.source.label,
        where=own.source.where,
        test_name=None,
        test_split=None,
        test_text=None,
        test_label=None,
        train_size=own.train_size,
        validation_size=own.validation_size,
        test_size=own.test_size,
    )


def prepare_other(settings: Settings, data: Prepared) -> tuple[Prepared, dict[str, Any]]:
    """Prepare the other task's data as the study's own are.

    Args:
        data: the study's own.

    Returns:
        the data, and the report on them, with `read_before`: test sentences of one task that the
        other trains or validates on.

    Raises:
        StudyError: the source is no good, or its classes are not the study's.
    """
    try:
        other, report = prepare(other_data(settings), settings.model.name)
    except StudyError as error:
        words = "stacking, whose source and sizes stand in for data.*"
        raise StudyError(f"{words}: {error}") from error
    if other.label_names != data.label_names:
        raise StudyError(
            f"stacking.source.label: the classes {', '.join(other.label_names[:10])}; allowed: the "
            f"study's, {', '.join(data.label_names[:10])}: adapters of other classes have no sum"
        )
    report["read_before"] = {
        "first": int(standing_in(data.test, [other.train, other.validation]).sum()),
        "second": int(standing_in(other.test, [data.train, data.validation]).sum()),
    }
    return other, report
