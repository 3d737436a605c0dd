"""What the fields of a record may hold: each kind says whether a value read from a file is one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from study.metrics.measure import Measure

Kind: TypeAlias = Callable[[Any], bool]
_LARGEST = 2**63 - 1
_ROUNDED = 1e-6  # above a measure's most, as fp32 rounds it


def wrong(part: object, kinds: Mapping[str, Kind]) -> str | None:
    """Name the first field of a record whose value is none of its kind; None for none."""
    for name, kind in kinds.items():
        value = getattr(part, name)
        if not kind(value):
            return f"{name}: {repr(value)[:60]}"
    return None


def number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def positive(value: Any) -> bool:
    """Whether a value is a finite number above 0."""
    return number(value) and value > 0


def count(least: int) -> Kind:
    """A whole number of at least `least`."""
    return lambda value: number(value) and isinstance(value, int) and value >= least


def numbers(values: Any) -> bool:
    """Whether values are a row of finite numbers."""
    return isinstance(values, tuple) and all(map(number, values))


def positives(values: Any) -> bool:
    """Whether values are a row of finite numbers above 0."""
    return isinstance(values, tuple) and all(map(positive, values))


def counts(values: Any) -> bool:
    """Whether values are a row of whole numbers from 0 up."""
    return isinstance(values, tuple) and all(map(count(0), values))


def names(values: Any) -> bool:
    """Whether values are a row of texts."""
    return isinstance(values, tuple) and all(isinstance(value, str) for value in values)


def answers_of(classes: int) -> Kind:
    """A row of indices of so many classes; where there are none, of finite numbers."""
    if not classes:
        return numbers

    def held(values: Any) -> bool:
        return isinstance(values, tuple) and all(
            type(value) is int and 0 <= value < classes for value in values
        )

    return held


def score(measure: Measure) -> Kind:
    """A value that a measure can have."""
    least, most = measure.least - _ROUNDED, measure.most + _ROUNDED
    return lambda value: number(value) and least <= value <= most
