"""Section `statistics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Seed
from study.entry.rules import number, several, whole
from study.entry.sections import Section


@dataclass(frozen=True)
class StatisticsSettings:
    """How sure the study is: intervals, and tests of equivalence.

    Attributes:
        confidence: of intervals; 1 - confidence is the error rate of tests.
        resamples, seed: of the bootstrap over seeds and test sentences crossed.
        margins: points of accuracy within which a rank counts as equivalent to full fine-tuning.
        power: chance of a clear answer at which the seeds that it takes are counted.
    """

    confidence: Annotated[float, number(above=0, below=1)]
    resamples: Annotated[int, whole(10)]
    seed: Seed
    margins: Annotated[tuple[float, ...], several(number(above=0, below=100))]
    power: Annotated[float, number(above=0, below=1)]


STATISTICS = Section("statistics", StatisticsSettings)
