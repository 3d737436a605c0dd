"""Which combinations of the two adapters are made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from study.studies.stacking.settings import StackingSettings

ALONE, SUM, TRUNCATED, SELECTED = "alone", "sum", "truncated", "selected"
_HALVES = {"lower": "the lower layers", "upper": "the upper layers"}


@dataclass(frozen=True)
class Combination:
    """A weighted sum of the first adapter and the second.

    Attributes:
        kind: `ALONE` (one weight is 0), `SUM` (exact: ranks add up), `TRUNCATED` (cut down to the
            rank of one) or `SELECTED` (the second in some modules alone).
        selection: what `SELECTED` selects.
    """

    kind: str
    weights: tuple[float, float]
    selection: str | None = None

    @property
    def name(self) -> str:
        """A name for a folder: sum-1-0.5; selected-1-1-query."""
        ends = [f"{weight:g}" for weight in self.weights]
        return "-".join([self.kind, *ends, *([self.selection] if self.selection else [])])

    @property
    def part(self) -> str | None:
        """Where the second adapter is added, in words; None: everywhere."""
        return None if self.selection is None else _HALVES.get(self.selection, self.selection)


def combinations(settings: StackingSettings) -> list[Combination]:
    """Return each adapter alone, every sum of the weights, and of the largest sum the variants."""
    most = max(settings.weights)
    weights = sorted(settings.weights)
    return [
        Combination(ALONE, (1.0, 0.0)),
        Combination(ALONE, (0.0, 1.0)),
        *(Combination(SUM, pair) for pair in product(weights, weights)),
        Combination(TRUNCATED, (most, most)),
        *(Combination(SELECTED, (most, most), part) for part in settings.selections),
    ]
