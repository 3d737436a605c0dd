"""The figures of the report: the pictures that the stage plot saved, with words to each."""

from __future__ import annotations

from study.pages.figures.catalogue import FIGURES
from study.pages.report.html import Html, figure
from study.pages.report.inputs import Study


def pictured(name: str, study: Study) -> Html:
    """Return a figure with its caption and its alternative text."""
    entry = FIGURES[name]
    words = entry.caption(study.records), entry.alternative(study.records)
    return figure(name, study.pictures[name], *words)
