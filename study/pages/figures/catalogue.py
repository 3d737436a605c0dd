"""Every figure of the study by name, and which records it is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    sufficient_rank,
    theory_bound,
    theory_scalings,
)
from study.pages.figures.theory_rows import bound_rows, scaling_rows

Records: TypeAlias = Mapping[str, Any]
"""What stands in the files of the study, by name: `summary` in metrics/summary.json."""


@dataclass(frozen=True)
class Entry:
    """A figure: its module, and what the module's three functions take of the records."""

    module: Any
    arguments: Callable[[Records], tuple[Any, ...]]

    def draw(self, records: Records) -> Figure:
        """Draw it, in the style of `study.pages.figures.style.styled`."""
        figure: Figure = self.module.draw(*self.arguments(records))
        return figure

    def caption(self, records: Records) -> str:
        """Say what it shows and how to read it."""
        return str(self.module.caption(*self.arguments(records)))

    def alternative(self, records: Records) -> str:
        """Say it in words and numbers, for those who do not see it."""
        return str(self.module.alternative(*self.arguments(records)))


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
