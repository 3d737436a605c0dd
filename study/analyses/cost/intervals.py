"""What repeated, interleaved timings say: medians with ranges, and ratios to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import quantile_test

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, the lowest and the highest."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float] | Floats) -> Spread:
        """Describe measurements."""
        found = np.asarray(values, dtype=np.float64)
        return Spread(float(np.median(found)), float(found.min()), float(found.max()))

    def to_json(self) -> dict[str, float]:
        """Return it as a record holds it."""
        return {"median": self.median, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Interval:
    """A median ratio and its confidence interval."""

    ratio: float
    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether some ratio lies in both intervals."""
        return self.low <= other.high and other.low <= self.high

    def to_json(self) -> dict[str, float]:
        """Return it as a record holds it."""
        return {"ratio": self.ratio, "low": self.low, "high": self.high}


def median_ratio(first: Floats, second: Floats, confidence: float) -> Interval:
    """Return the median of first / second and its distribution-free interval.

    Each pair was timed side by side, so that a slow moment of the machine hits both. The interval
    lies between two of the ratios themselves, by the binomial distribution of how many lie below
    the median (Conover 1999, 3.2; `scipy.stats.quantile_test`). With too few pairs for the
    confidence asked it reaches from the least ratio to the greatest.
    """
    ratios = np.asarray(first, dtype=np.float64) / np.asarray(second, dtype=np.float64)
    found = quantile_test(ratios, q=1.0, p=0.5).confidence_interval(confidence)
    low = found.low if np.isfinite(found.low) else ratios.min()
    high = found.high if np.isfinite(found.high) else ratios.max()
    return Interval(float(np.median(ratios)), float(low), float(high))
