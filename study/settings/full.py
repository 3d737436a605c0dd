"""Section `full`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import RatesOrAuto
from study.entry.sections import Section


@dataclass(frozen=True)
class FullSettings:
    """The arm that trains every parameter.

    Attributes:
        learning_rates: validation picks one; auto: see `study.arms.rates`.
    """

    learning_rates: RatesOrAuto


FULL = Section("full", FullSettings)
