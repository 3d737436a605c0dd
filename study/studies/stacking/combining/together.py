"""How a combination of two adapters is put together."""

from __future__ import annotations

from collections.abc import Sequence

from lora.adapter import Adapter
from lora.stacking import Part, selected, stack
from study.entry.errors import StudyError
from study.studies.stacking.combining.combinations import ALONE, TRUNCATED, Combination
from study.studies.stacking.settings import StackingSettings


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
    chosen = (None, None if selection is None else _modules(selection, adapters[1]))
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
        raise StudyError(f"stacking/params.yaml:selections: {error}") from error
