"""Means with intervals: a series over ranks, and a level of what has no rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.text import Text

from study.pages.figures.style import Look

Cell = Mapping[str, Any]  # mean, low, high; an end that is None is not drawn


def series(
    axes: Axes,
    places: Sequence[float],
    cells: Sequence[Cell],
    look: Look,
    label: str | None = None,
    *,
    hollow: bool = False,
) -> None:
    """Draw a mean and its interval at each place on x; `hollow` leaves the markers white."""
    means = [cell["mean"] for cell in cells]
    lows, highs = zip(*map(ends, cells), strict=True) if cells else ((), ())
    axes.errorbar(
        places,
        means,
        yerr=[
            [max(0.0, mean - low) for mean, low in zip(means, lows, strict=True)],
            [max(0.0, high - mean) for mean, high in zip(means, highs, strict=True)],
        ],
        color=look.color,
        marker=look.marker,
        markerfacecolor="white" if hollow else look.color,
        linestyle=look.dashes,
        linewidth=1,
        capsize=3,
        label=label,
    )


def level(axes: Axes, cell: Cell, look: Look, name: str) -> Text:
    """Draw what does not depend on the rank as a line with a band, named at its right end."""
    axes.axhline(cell["mean"], color=look.color, linestyle=look.dashes)
    axes.axhspan(*ends(cell), color=look.color, alpha=0.13, linewidth=0)
    return axes.text(
        1.01,
        cell["mean"],
        name,
        transform=axes.get_yaxis_transform(),
        color=look.color,
        va="center",
    )


def ends(cell: Cell) -> tuple[float, float]:
    """Return the interval's ends, the mean for one that is None."""
    low, high = (cell["mean"] if cell[end] is None else cell[end] for end in ("low", "high"))
    return low, high
