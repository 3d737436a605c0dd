"""Section `full`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Rates
from study.entry.sections import Section


@dataclass(frozen=True)
class FullSettings:
    """The arm that trains every parameter."""

    learning_rates: Rates


FULL = Section("full", FullSettings)
