"""What the two tasks are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.settings.data import DataSettings
from study.settings.source import SourceSettings
from study.sources.resolve import display_name

if TYPE_CHECKING:
    from study.studies.stacking.settings import StackingStudy


def task_names(settings: StackingStudy) -> tuple[str, str]:
    """Return what the two tasks are called: by what their rows have, or by their source."""
    first, second = _name(settings.data), _name(settings.stacking.source)
    return (first, second) if first != second else (f"{first}, first", f"{second}, second")


def _name(source: DataSettings | SourceSettings) -> str:
    words = [str(value) for _, value in source.where or ()]
    return " ".join(words) or display_name(source.name).rpartition("/")[2]
