"""Section `capacity`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import CountOrNull
from study.entry.sections import Section


@dataclass(frozen=True)
class CapacitySettings:
    """Full fine-tuning's update, truncated to every rank.

    Attributes:
        covariance_sentences: of train, whose layer inputs weigh the truncation; None for all.
    """

    covariance_sentences: CountOrNull


CAPACITY = Section("capacity", CapacitySettings)
