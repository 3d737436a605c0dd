"""Axes that read well for any study: ranks in octaves, percent, and a break where it helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    MultipleLocator,
    NullFormatter,
)

from study.metrics.measure import Measure
from study.pages.figures import style

Span: TypeAlias = tuple[float, float]

_BREAK_SHARE = 0.4  # of the axis that would stay empty
_DIGIT = 0.65 * style.SMALL  # points: width of a digit
_GAP = 0.7 * style.SMALL  # points: between two labels


def rank_axis(axes: Axes, ranks: Sequence[int], width: float, keep: Sequence[int] = ()) -> None:
    """Set x to log2 with a tick at every rank, labelled where labels do not run into each other.

    Args:
        width: of the axes, in points (about).
        keep: ranks that are labelled before the others.
    """
    ranks = sorted(set(ranks))
    low, high = math.log2(ranks[0]) - 0.4, math.log2(ranks[-1]) + 0.4
    axes.set_xscale("log", base=2)
    axes.set_xlim(2**low, 2**high)
    per_octave = width / (high - low)
    labelled: list[int] = []
    for rank in [*keep, ranks[0], ranks[-1], *ranks]:
        if rank not in labelled and all(_apart(rank, other, per_octave) for other in labelled):
            labelled.append(rank)
    labelled.sort()
    axes.xaxis.set_major_locator(FixedLocator(labelled))
    axes.xaxis.set_major_formatter(FixedFormatter([str(rank) for rank in labelled]))
    axes.xaxis.set_minor_locator(FixedLocator([rank for rank in ranks if rank not in labelled]))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _apart(rank: int, other: int, per_octave: float) -> bool:
    digits = (len(str(rank)) + len(str(other))) / 2
    return abs(math.log2(rank / other)) * per_octave >= digits * _DIGIT + _GAP


def percent_axis(axes: Axes, step: float | None = None) -> None:
    """Write fractions on y in percent, a tick every `step` up to 100; the label names the unit."""
    locator = MultipleLocator(step) if step else MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=2)
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(FuncFormatter(_in_percent))


def score_axis(axes: Axes, measure: Measure) -> None:
    """Write a study's scores on y: fractions in percent, or values as they are."""
    if measure.in_percent:
        percent_axis(axes)


def _in_percent(fraction: float, _: int | None = None) -> str:
    return f"{100 * fraction:.6g}" if fraction <= 1 + 1e-9 else ""


def panels(
    figure: Figure,
    spans: Sequence[Span],
    y_label: str,
    margin: float = 0.06,
    *,
    in_percent: bool = True,
) -> list[Axes]:
    """Return axes for scores in these spans of y, upper first: one, or two with a break between.

    A study's head-only arm may lie far below the rest; drawn on one axis it would press the ranks,
    which the figure is about, into a narrow strip. Everything is to be drawn on all axes returned;
    each shows its part, to the same scale. The x axis is shared and the lowest carries its labels.

    Args:
        margin: room above and below each span, as a share of all that is shown.
        in_percent: whether fractions are written in percent; else values stand as they are.
    """
    parts = _parts(spans, margin)
    heights = [high - low for low, high in parts]
    all_axes = figure.subplots(
        len(parts), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    for axes, (low, high) in zip(all_axes, parts, strict=True):
        axes.set_ylim(low, high)
        step = _round_step(sum(heights) / 10)
        if in_percent:
            percent_axis(axes, step)
        else:
            axes.yaxis.set_major_locator(MultipleLocator(step))
    all_axes[heights.index(max(heights))].set_ylabel(y_label)
    for upper, lower in pairwise(all_axes):
        _mark_break(upper, lower)
    return list(all_axes)


def _parts(spans: Sequence[Span], margin: float) -> list[Span]:
    """Return the spans of y to show, highest first, with margins."""
    joined: list[Span] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    lows, highs = [low for low, _ in joined], [high for _, high in joined]
    gaps = [low - high for low, high in zip(lows[1:], highs, strict=False)]
    parts = [(lows[0], highs[-1])]
    if gaps and max(gaps) > _BREAK_SHARE * (highs[-1] - lows[0]):
        place = gaps.index(max(gaps))
        parts = [(lows[place + 1], highs[-1]), (lows[0], highs[place])]
    room = max(margin * sum(high - low for low, high in parts), 0.002)
    return [(low - room, high + room) for low, high in parts]


def _round_step(step: float) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(round(f * power, 12) for f in (1, 2, 5, 10) if f * power >= step * (1 - 1e-9))


def _mark_break(upper: Axes, lower: Axes) -> None:
    upper.spines.bottom.set_visible(False)
    upper.tick_params(axis="x", which="both", length=0)
    for axes, edge in ((upper, 0), (lower, 1)):
        axes.plot(
            [0],
            [edge],
            transform=axes.transAxes,
            marker=[(-1, -0.6), (1, 0.6)],
            markersize=9,
            color="black",
            linestyle="none",
            clip_on=False,
        )
