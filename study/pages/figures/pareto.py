"""The score against trainable parameters: what a point costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.axes import panels
from study.pages.figures.placing import Label, Point, place_labels
from study.pages.figures.text import below, interval_words, short_count
from study.words.arms import arm_label
from study.words.phrases import apart, listed, share
from study.words.scores import axis, digits, measure_in, merit, score, shown

Row = Mapping[str, Any]

_ROOM_FOR_LABELS = 0.12
_LEGEND = {"lora": "LoRA; the number is the rank"}  # the other arms have their names beside them


def draw(rows: Sequence[Row], summary: Mapping[str, Any]) -> Figure:
    """Draw `plots/pareto.json`: every arm with its interval, and the front of the best."""
    most = max(row["trainable_parameters"] for row in rows)
    front = _corners([row for row in rows if row["on_front"]], most)
    figure = Figure(figsize=(style.WIDTH, 4.6), layout="constrained")
    measure = measure_in(summary)
    figure.suptitle(f"Test {measure.words} by trainable parameters", x=0.01, ha="left")
    spans = [(row["low"], row["high"]) for row in rows]
    all_axes = panels(
        figure, spans, axis(measure), margin=_ROOM_FOR_LABELS, in_percent=measure.in_percent
    )
    for axes in all_axes:
        _front(axes, front)
        for arm in style.ARMS:
            _arm(axes, [row for row in rows if row["arm"] == arm])
        _headline(axes, next(row for row in rows if row["headline"]))
    _parameter_axis(all_axes[-1], [row["trainable_parameters"] for row in rows])
    all_axes[0].set_title(interval_words(summary), loc="left", color=style.GREY)
    below(figure, all_axes[0])
    points = [
        Point(row["trainable_parameters"], score(row), row["low"], row["high"]) for row in rows
    ]
    place_labels(figure, all_axes, points, [_label(row) for row in rows], lines=front)
    return figure


def caption(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Say what there is to see."""
    headline = next(row for row in rows if row["headline"])
    full = next(row for row in rows if row["arm"] == "full")
    gap = merit(headline) - merit(full)
    front = [_name(row) for row in rows if row["on_front"]]
    return (
        f"On the dashed line stand the arms that are best for their size: none with as few or "
        f"fewer trainable parameters scores higher. They are {listed(front)}. The headline rank, "
        f"{headline['rank']}, trains "
        f"{headline['trainable_parameters']:,} parameters, {share(headline['trainable_share'])} "
        f"of all, and is {apart(gap, 'full fine-tuning', digits(measure_in(summary)))}."
    )


def alternative(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Tell what is drawn to someone who cannot see it."""
    arms = [f"{_name(row)} {shown(row)} with {row['trainable_parameters']:,}" for row in rows]
    return (
        f"Test {measure_in(summary).words} by number of trainable parameters on a log scale, "
        f"fewest first: {listed(arms)}. {interval_words(summary)}."
    )


def _name(row: Row) -> str:
    if row["arm"] == "lora":
        return f"rank {row['rank']}"
    return arm_label(row["arm"]).lower()


def _corners(rows: Sequence[Row], most: int) -> list[tuple[float, float]]:
    """Return the stairs of the best score that up to `most` parameters buy: the corners."""
    ends = [*(row["trainable_parameters"] for row in rows[1:]), most]
    levels = [score(row) for row in rows]
    starts = [row["trainable_parameters"] for row in rows]
    return [
        corner
        for start, end, level in zip(starts, ends, levels, strict=True)
        for corner in ((start, level), (end, level))
    ]


def _front(axes: Axes, corners: Sequence[tuple[float, float]]) -> None:
    axes.plot(
        *zip(*corners, strict=True),
        color=style.BLACK,
        linewidth=1,
        linestyle=(0, (3, 2)),
        label="Pareto front",
        zorder=1,
    )


def _label(row: Row) -> Label:
    text = str(row["rank"]) if row["arm"] == "lora" else str(row["label"])
    return Label(text, style.ARMS[row["arm"]].color)


def _arm(axes: Axes, rows: Sequence[Row]) -> None:
    look = style.ARMS[rows[0]["arm"]]
    middle = [score(row) for row in rows]
    axes.errorbar(
        [row["trainable_parameters"] for row in rows],
        middle,
        yerr=[
            [score(row) - row["low"] for row in rows],
            [row["high"] - score(row) for row in rows],
        ],
        color=look.color,
        linestyle="none",
        marker=look.marker,
        capsize=3,
        label=_LEGEND.get(rows[0]["arm"]),
    )


def _headline(axes: Axes, row: Row) -> None:
    look = style.HEADLINE
    axes.plot(
        row["trainable_parameters"],
        score(row),
        linestyle="none",
        marker=look.marker,
        markersize=8,
        color=look.color,
        markeredgecolor="black",
        zorder=5,
        label="Headline rank",
    )


def _parameter_axis(axes: Axes, parameters: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(parameters) / 2.5, max(parameters) * 2.5)
    axes.xaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Trainable parameters (log scale)")
