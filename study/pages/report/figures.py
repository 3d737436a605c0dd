"""The figures of the report, drawn from the records: no picture is read."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from matplotlib.figure import Figure

from study.pages.figures import (
    agreement,
    amplification,
    calibration,
    capacity,
    dynamics,
    intruders,
    learning_rate,
    pareto,
    rank_curve,
    rules_of_thumb,
    similarity,
    spectra,
    style,
    sufficient_rank,
    theory_bound,
    theory_scalings,
)
from study.pages.figures.theory_rows import bound_rows, scaling_rows
from study.pages.report.html import Html, figure
from study.pages.report.inputs import Study


class Module(Protocol):
    """What a module of `study.pages.figures` offers; all three take the same arguments."""

    draw: Callable[..., Figure]
    caption: Callable[..., str]
    alternative: Callable[..., str]


@dataclass(frozen=True)
class Entry:
    """A figure, and which records it is drawn from."""

    module: Any
    arguments: Callable[[Study], tuple[Any, ...]]


def _record(*names: str) -> Callable[[Study], tuple[Any, ...]]:
    return lambda study: tuple(study[name] for name in names)


FIGURES: Mapping[str, Entry] = {
    "accuracy_vs_rank": Entry(rank_curve, _record("rank_curve", "summary")),
    "sufficient_rank": Entry(sufficient_rank, _record("sufficient_rank")),
    "capacity": Entry(capacity, _record("capacity")),
    "spectra": Entry(spectra, _record("spectra")),
    "similarity": Entry(similarity, _record("spectra")),
    "amplification": Entry(amplification, _record("spectra")),
    "intruders": Entry(intruders, _record("spectra")),
    "rules_of_thumb": Entry(rules_of_thumb, _record("rules_of_thumb")),
    "agreement": Entry(agreement, _record("agreement")),
    "calibration": Entry(calibration, _record("agreement")),
    "training_dynamics": Entry(dynamics, _record("dynamics", "summary")),
    "learning_rate": Entry(learning_rate, _record("learning_rate")),
    "accuracy_vs_parameters": Entry(pareto, _record("pareto", "summary")),
    "theory_bound": Entry(
        theory_bound, lambda study: (bound_rows(study["theory_bound"], study["theory"]),)
    ),
    "theory_scalings": Entry(theory_scalings, lambda study: (scaling_rows(study["theory"]),)),
}


def drawn(name: str, study: Study) -> Html:
    """Return a figure with its caption and its alternative text."""
    entry = FIGURES[name]
    arguments = entry.arguments(study)
    with style.styled():
        svg = svg_of(entry.module.draw(*arguments))
    caption, alternative = entry.module.caption(*arguments), entry.module.alternative(*arguments)
    return figure(name, svg, caption, alternative)


def svg_of(drawing: Figure) -> bytes:
    """Return a figure as SVG: the bytes that `style.save` writes."""
    style.settle(drawing)
    stream = io.BytesIO()
    drawing.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
