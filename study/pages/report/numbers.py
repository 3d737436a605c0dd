"""Numbers in the cells of tables: signed, in percent, with their interval below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.pages.report.html import NOTHING, Html, text
from study.words.phrases import percent, share, significant
from study.words.scores import measure_of, shown

_NEARLY = 0.95  # from here on a size is written in the next unit, so that none has four digits


def signed(points: float, digits: int = 1) -> str:
    """Write a difference in points with its sign; what rounds to zero has none."""
    written = f"{points:+.{digits}f}"
    return written[1:] if float(written) == 0 else written.replace("-", "−")


def number(value: float | None) -> str:
    """Write a number to three figures, or that there is none."""
    return NOTHING if value is None else significant(value).replace("-", "−")


def accuracy(fraction: float | None) -> str:
    """Write an accuracy in percent, or that there is none."""
    return NOTHING if fraction is None else percent(fraction)


def part(fraction: float | None) -> str:
    """Write a share in percent to three figures, or that there is none."""
    return NOTHING if fraction is None else share(fraction)


def stored(size: float | None) -> str:
    """Write bytes in the unit that fits."""
    if size is None:
        return NOTHING
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= _NEARLY * unit:
            return f"{significant(size / unit)} {name}"
    return f"{size:.0f} B"


def counted_short(count: float | None) -> str:
    """Write a large count with the unit that fits: 136,000,000 as 136 M."""
    if count is None:
        return NOTHING
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{significant(count / unit)} {name}"
    return significant(count)


def with_interval(value: str, low: str, high: str) -> Html:
    """Set an interval below its number."""
    return Html(f'{text(value)}<span class="interval">{text(f"{low} to {high}")}</span>')


def score_with_interval(entry: Mapping[str, Any]) -> Html:
    """Write an arm's score on test with its interval: in percent, or as it is."""
    low, high = entry["low"], entry["high"]
    if measure_of(entry).in_percent:
        return with_interval(shown(entry), f"{100 * low:.1f}", f"{100 * high:.1f}")
    return with_interval(shown(entry), f"{low:.3f}", f"{high:.3f}")


def gap_with_interval(points: float, low: float, high: float, digits: int = 1) -> Html:
    """Write a difference in points, with its interval."""
    return with_interval(*(signed(value, digits) for value in (points, low, high)))
