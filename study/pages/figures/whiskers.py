"""Middles with bars from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from study.pages.figures.style import Look


def draw_middles(
    axes: Axes,
    x: Sequence[float],
    values: Sequence[Sequence[float]],
    look: Look,
    label: str | None,
    bars: bool = True,
    middle: Callable[[Any], Any] = np.mean,
) -> None:
    """Draw the middle of the values at each x, joined by a line, with thin bars if wanted.

    Args:
        middle: np.mean or np.median
    """
    middles = [float(middle(at)) for at in values]
    # A mean of equal values may lie a rounding beside them.
    ends = [
        [max(0.0, y - min(at)) for y, at in zip(middles, values, strict=True)],
        [max(0.0, max(at) - y) for y, at in zip(middles, values, strict=True)],
    ]
    axes.errorbar(
        x,
        middles,
        yerr=ends if bars else None,
        color=look.color,
        linestyle=look.dashes,
        marker=look.marker,
        elinewidth=0.8,
        capsize=2,
        label=label,
    )
