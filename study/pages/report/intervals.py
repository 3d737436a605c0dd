"""Where the interval of a gap lies, in words."""

from __future__ import annotations

from study.words.phrases import tenths


def interval_words(low: float, high: float, written: int = 1) -> str:
    """Say where the interval of a gap lies, gaps being fractions.

    Args:
        written: digits after the point.
    """
    least, most = tenths(low, written), tenths(high, written)
    if high <= 0:
        return f"{most} to {least} below"
    if low >= 0:
        return f"{least} to {most} above"
    return f"{least} below to {most} above"
