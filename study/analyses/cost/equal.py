"""Whether a model is as fast as the base: equal within a tolerance, not merely not seen to differ.

The ratio of two latencies is told with an interval, and the interval must lie within the tolerance.
That is a test of equivalence: an imprecise measurement, whose interval is wide, cannot pass it.
"""

from __future__ import annotations

from study.analyses.cost.intervals import Floats, Interval, median_ratio

TOLERANCE = 0.05
"""Of the base's time: a merged model within it is called as fast as the base."""
CONFIDENCE = 0.95
"""Of the intervals of ratios of times."""

EQUAL, SLOWER, FASTER, UNTOLD = "equal", "slower", "faster", "cannot be told"


def paired_ratio(seconds: Floats, of_base: Floats) -> Interval:
    """Return the median ratio of calls that took turns on the same batches, (calls,) each."""
    return median_ratio(seconds, of_base, CONFIDENCE)


def verdict(ratio: Interval, calls: int) -> str:
    """Say whether the ratio's interval lies within the tolerance, beyond it, or on its border.

    Of too few calls no two ratios enclose the median with the confidence asked, even the least and
    the greatest: all lie on one side of it in 2 * 0.5 ** calls of cases.
    """
    if 2 * 0.5**calls > 1 - CONFIDENCE:
        return UNTOLD
    if ratio.low > 1 + TOLERANCE:
        return SLOWER
    if ratio.high < 1 - TOLERANCE:
        return FASTER
    inside = ratio.low >= 1 - TOLERANCE and ratio.high <= 1 + TOLERANCE
    return EQUAL if inside else UNTOLD


def words(found: str, ratio: Interval) -> str:
    """Say a verdict in words, with the numbers that it rests on."""
    within = f"{100 * TOLERANCE:g} %"
    told = {
        EQUAL: f"as fast as the base within {within}",
        SLOWER: f"slower than the base by more than {within}",
        FASTER: f"faster than the base by more than {within}",
        UNTOLD: f"not told from the base, nor shown to be as fast within {within}",
    }[found]
    numbers = f"{ratio.ratio:.3f} of its time, {100 * CONFIDENCE:g} % interval"
    return f"{told} ({numbers} {ratio.low:.3f} to {ratio.high:.3f})"
