"""Which combinations of the two adapters are made, and how each is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from lora.adapter import Adapter
from lora.stacking import Part, selected, stack
from study.errors import StudyError
from study.settings import StackingSettings

ALONE, SUM, TRUNCATED, SELECTED = "alone", "sum", "truncated", "selected"
FIRST, SECOND = 0, 1


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


def check(settings: StackingSettings, adapter: Adapter) -> None:
    """Refuse, before the other task is trained, what could not be combined with this adapter.

    Raises:
        StudyError: DoRA's adapter, or a selection that selects nothing.
    """
    if adapter.config.use_dora:
        raise StudyError(
            "lora.use_dora: true; allowed in stacking: false, since DoRA's updates are no products "
            "of factors that could be added"
        )
    for selection in settings.selections:
        _modules(selection, adapter)


def put_together(
    combination: Combination,
    adapters: tuple[Adapter, Adapter],
    names: tuple[str, str],
    labels: tuple[Sequence[str], Sequence[str]],
) -> Adapter:
    """Return the combination of two adapters, with the weighted mean of their heads.

    Args:
        names: of the tasks; labels: of their classes.

    Raises:
        StudyError: they do not fit together, or a selection selects nothing.
    """
    weights, selection = combination.weights, combination.selection
    if combination.kind == ALONE:
        return adapters[weights.index(max(weights))]
    chosen = (None, None if selection is None else _modules(selection, adapters[SECOND]))
    parts = [Part(*row) for row in zip(names, adapters, weights, chosen, labels, strict=True)]
    rank = None
    if combination.kind == TRUNCATED:
        rank = max(adapter.config.rank for adapter in adapters)
    try:
        return stack(parts, rank=rank)
    except ValueError as error:
        raise StudyError(f"stacking: {error}") from error


def _modules(selection: str, adapter: Adapter) -> frozenset[str]:
    try:
        return selected(list(adapter.factors), selection)
    except ValueError as error:
        raise StudyError(f"stacking.selections: {error}") from error
