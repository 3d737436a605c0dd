"""Words on figures, and room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.pages.figures import style

SEEDS = "Means over seeds; bars reach from the lowest to the highest."


def percent(fraction: float) -> str:
    """Write a fraction in percent."""
    return f"{100 * fraction:.1f} %"


def short_count(count: float) -> str:
    """Write 1,000 as 1 k, 1,000,000 as 1 M, 1,000,000,000 as 1 G."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= unit:
            return f"{count / unit:g}{name}"
    return f"{count:g}"


def interval_words(summary: Mapping[str, Any]) -> str:
    """Say what the points and their intervals are, from `metrics/summary.json`."""
    seeds, sentences = len(summary["seeds"]), f"{summary['test_sentences']:,} test sentences"
    confidence = f"{100 * summary['confidence']:g} % intervals"
    if seeds == 1:
        return f"One seed; {confidence} over {sentences} alone"
    return f"Mean of {seeds} seeds; {confidence} over seeds and {sentences}"


def below(figure: Figure, axes: Axes, words: str | None = None) -> None:
    """Put the legend of `axes` below the plot, where it covers nothing, with words on it all.

    Points with intervals come first.
    """
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(
        range(len(labels)), key=lambda place: not isinstance(handles[place], ErrorbarContainer)
    )
    legend = figure.legend(
        [handles[place] for place in order],
        [labels[place] for place in order],
        loc="outside lower center",
        ncols=_columns(labels, 72 * figure.get_figwidth()),
        columnspacing=1.5,
        handletextpad=0.6,
        title=words,
        title_fontsize=style.SMALL,
    )
    legend.get_title().set_color(style.GREY)


def _columns(labels: Sequence[str], width: float) -> int:
    """Return how many columns of a legend fit into `width` points; it fills column by column."""
    widths = np.array([style.SMALL * (0.56 * len(label) + 4.2) for label in labels])
    for columns in range(len(labels), 1, -1):
        if sum(column.max() for column in np.array_split(widths, columns)) <= width:
            return columns
    return 1


def spread(values: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Return places for labels: near their values, in their order, `apart` from each other.

    Neighbours that are too close share a block, and a block stands around the mean of its values:
    the least squares answer (pool adjacent violators). Blocks are held within `low` to `high` as
    far as they fit.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and (
            _start(blocks[-1], values, apart, low, high)
            < _start(blocks[-2], values, apart, low, high) + apart * len(blocks[-2])
        ):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    places = [0.0] * len(values)
    for block in blocks:
        start = _start(block, values, apart, low, high)
        for row, index in enumerate(block):
            places[index] = start + row * apart
    return places


def keep_apart(axes: Axes, texts: Sequence[Text]) -> None:
    """Move texts up and down until they do not touch, once the layout stands."""
    if not texts:
        return
    unit = axes.transData.inverted().transform
    boxes = [text.get_window_extent() for text in texts]
    height = max(float(unit((0, box.y1))[1] - unit((0, box.y0))[1]) for box in boxes)
    places = spread([text.get_position()[1] for text in texts], 1.1 * height, *axes.get_ylim())
    for text, place in zip(texts, places, strict=True):
        text.set_y(place)


def _start(
    block: Sequence[int], values: Sequence[float], apart: float, low: float, high: float
) -> float:
    """Return where the lowest label of a block stands."""
    mean = sum(values[index] for index in block) / len(block)
    length = apart * (len(block) - 1)
    return max(low, min(mean - length / 2, high - length))
