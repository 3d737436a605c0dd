"""Section `cost`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Count, CountOrNull
from study.entry.sections import Section


@dataclass(frozen=True)
class CostSettings:
    """Measurements of speed and memory.

    Attributes:
        sentences: of test, classified and trained on in each measurement; None for all.
        repeats: measurements, of which the median is taken.
    """

    sentences: CountOrNull
    repeats: Count


COST = Section("cost", CostSettings)
