"""What the notebook shows, cell by cell.

The stage imports this module too, so that its dependencies, which are read from its imports, are
those of the notebook.
"""

from __future__ import annotations

from study.pages.report.claims import claims
from study.pages.report.closing import data, machine, reproduce, settings
from study.pages.report.inputs import read_study
from study.pages.report.sections import (
    capacity,
    cost,
    rank,
    rules,
    sameness,
    theory,
    training,
    weights,
)
from study.pages.report.top import title, top

__all__ = [
    "capacity",
    "claims",
    "cost",
    "data",
    "machine",
    "rank",
    "read_study",
    "reproduce",
    "rules",
    "sameness",
    "settings",
    "theory",
    "title",
    "top",
    "training",
    "weights",
]
