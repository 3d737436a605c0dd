"""Section `head_only`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Count, Rates
from study.entry.sections import Section


@dataclass(frozen=True)
class HeadOnlySettings:
    """The arm that trains nothing but the classification head."""

    epochs: Count
    learning_rates: Rates


HEAD_ONLY = Section("head_only", HeadOnlySettings)
