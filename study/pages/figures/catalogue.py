"""Every figure of the study by name, and which records it is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, TypeAlias

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
from study.words.phrases import capitalised

Records: TypeAlias = Mapping[str, Any]
"""What stands in the files of the study, by name: `summary` in metrics/summary.json."""


@dataclass(frozen=True)
class Entry:
    """A figure: its module, and what the module's three functions take of the records."""

    module: Any
    arguments: Callable[[Records], tuple[Any, ...]]

    def draw(self, records: Records) -> Figure:
        """Draw it, in the style of `study.pages.figures.style.styled`.

        Of a record that is not defined for the study's task, what it says is drawn.
        """
        arguments = self.arguments(records)
        figure: Figure
        if why := _undefined(arguments):
            figure = Figure(figsize=(style.WIDTH, 0.8), layout="constrained")
            figure.text(0.01, 0.5, fill(why, 100), va="center", color=style.GREY)
            return figure
        figure = self.module.draw(*arguments)
        return figure

    def caption(self, records: Records) -> str:
        """Say what it shows and how to read it."""
        arguments = self.arguments(records)
        return _undefined(arguments) or str(self.module.caption(*arguments))

    def alternative(self, records: Records) -> str:
        """Say it in words and numbers, for those who do not see it."""
        arguments = self.arguments(records)
        return _undefined(arguments) or str(self.module.alternative(*arguments))


def _undefined(arguments: Sequence[Any]) -> str:
    """Return why a record among these is not defined for the study's task; empty: all are."""
    said = (each.get("undefined") for each in arguments if isinstance(each, Mapping))
    return next((f"{capitalised(why)}." for why in said if why), "")


def _of(*names: str) -> Callable[[Records], tuple[Any, ...]]:
    return lambda records: tuple(records[name] for name in names)


FIGURES: Mapping[str, Entry] = {
    "accuracy_vs_rank": Entry(rank_curve, _of("rank_curve", "summary")),
    "sufficient_rank": Entry(sufficient_rank, _of("sufficient_rank")),
    "capacity": Entry(capacity, _of("capacity")),
    "spectra": Entry(spectra, _of("spectra")),
    "similarity": Entry(similarity, _of("spectra")),
    "amplification": Entry(amplification, _of("spectra")),
    "intruders": Entry(intruders, _of("spectra")),
    "rules_of_thumb": Entry(rules_of_thumb, _of("rules_of_thumb")),
    "agreement": Entry(agreement, _of("agreement")),
    "calibration": Entry(calibration, _of("agreement")),
    "training_dynamics": Entry(dynamics, _of("dynamics", "summary")),
    "learning_rate": Entry(learning_rate, _of("learning_rate")),
    "accuracy_vs_parameters": Entry(pareto, _of("pareto", "summary")),
    "theory_bound": Entry(
        theory_bound, lambda records: (bound_rows(records["theory_bound"], records["theory"]),)
    ),
    "theory_scalings": Entry(theory_scalings, lambda records: (scaling_rows(records["theory"]),)),
}
