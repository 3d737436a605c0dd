"""Labels beside points, where they cover neither each other nor a point nor its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from study.pages.figures import style

_MARKER = 5.0  # points: half of a marker's side, with room
_CAP = 4.0  # points: half of an interval's cap, with room
_LEADER = 16.0  # points: a label farther away gets a line to its point


@dataclass(frozen=True)
class Point:
    """A point and its interval, in data units."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Label:
    """What is written beside a point."""

    text: str
    color: str


def place_labels(
    figure: Figure,
    all_axes: Sequence[Axes],
    points: Sequence[Point],
    labels: Sequence[Label],
    lines: Sequence[tuple[float, float]] = (),
) -> None:
    """Write each label near its point, on the axes that show the point.

    Places are tried from near to far, above the interval, below it and at the sides; the first that
    is free is taken, or else the one that covers least. The layout of the figure is settled first,
    and kept: places are found in its points (1/72 inch).

    Args:
        lines: corners of a line of level and upright pieces that labels keep off too.
    """
    style.settle(figure)
    scale = 72 / figure.dpi
    shown = [_axes_of(point, all_axes) for point in points]
    boxes = [_boxes(point, axes, scale) for point, axes in zip(points, shown, strict=True)]
    taken = [box for pair in boxes for box in pair]
    for axes in all_axes:
        taken += _line_boxes(axes, lines, scale)
    for point, axes, label, own in zip(points, shown, labels, boxes, strict=True):
        x, _ = axes.transData.transform((point.x, point.y)) * scale
        inside = _scaled(axes.get_window_extent(), scale)
        size = _size(figure, label.text, scale)
        box = _best((_centred(place, size) for place in _places(own, *size)), taken, inside)
        taken.append(box)
        far = _gap(box, own[1]) > _LEADER
        end_y = min(max((box.y0 + box.y1) / 2, own[1].y0), own[1].y1)  # of the leader line
        end = axes.transData.inverted().transform((x / scale, end_y / scale))
        axes.annotate(
            label.text,
            tuple(end),
            xytext=((box.x0 + box.x1) / 2 - x, (box.y0 + box.y1) / 2 - end_y),
            textcoords="offset points",
            color=label.color,
            ha="center",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": style.GREY, "lw": 0.6} if far else None,
        )


def _axes_of(point: Point, all_axes: Sequence[Axes]) -> Axes:
    for axes in all_axes:
        low, high = axes.get_ylim()
        if low <= point.y <= high:
            return axes
    return all_axes[0]


def _boxes(point: Point, axes: Axes, scale: float) -> tuple[Bbox, Bbox]:
    """Return what the marker and the interval cover, in points."""
    x, y = axes.transData.transform((point.x, point.y)) * scale
    _, low = axes.transData.transform((point.x, point.low)) * scale
    _, high = axes.transData.transform((point.x, point.high)) * scale
    marker = Bbox.from_extents(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER)
    return marker, Bbox.from_extents(x - _CAP, low - 1, x + _CAP, high + 1)


def _places(own: tuple[Bbox, Bbox], width: float, height: float) -> Iterator[tuple[float, float]]:
    """Yield centres for a label of this size, the best first."""
    marker, interval = own
    x = (marker.x0 + marker.x1) / 2
    y = (marker.y0 + marker.y1) / 2
    for step in range(6):
        away = 2 + step * 0.6 * height
        above, below = interval.y1 + away + height / 2, interval.y0 - away - height / 2
        right, left = marker.x1 + away + width / 2, marker.x0 - away - width / 2
        yield from ((x, above), (x, below), (right, y), (left, y))
        for aside in (0.5, -0.5):
            yield from ((x + aside * width, above), (x + aside * width, below))
            yield from ((right, y + aside * 1.4 * height), (left, y + aside * 1.4 * height))


def _best(choices: Iterable[Bbox], taken: Sequence[Bbox], inside: Bbox) -> Bbox:
    """Return the first choice that is free, or else the first of those that cover least."""
    costs = []
    for choice in choices:
        cost = _cost(choice, taken, inside)
        if cost == 0:
            return choice
        costs.append((cost, choice))
    return min(costs, key=lambda pair: pair[0])[1]


def _cost(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Return the area that a label would cover or leave the axes by; 0 is free."""
    area = box.width * box.height
    outside = area - _shared(box, inside)
    return round(outside + sum(_shared(box, other) for other in taken), 6)


def _shared(one: Bbox, other: Bbox) -> float:
    both = Bbox.intersection(one, other)
    return 0.0 if both is None else float(both.width * both.height)


def _gap(box: Bbox, interval: Bbox) -> float:
    """Return how far the box is from the interval, in points."""
    aside = max(box.x0 - interval.x1, interval.x0 - box.x1, 0.0)
    return float(max(box.y0 - interval.y1, interval.y0 - box.y1, aside))


def _size(figure: Figure, text: str, scale: float) -> tuple[float, float]:
    probe = figure.text(0, 0, text)
    box = _scaled(probe.get_window_extent(), scale)
    probe.remove()
    return float(box.width) + 3, float(box.height) + 2


def _centred(place: tuple[float, float], size: tuple[float, float]) -> Bbox:
    return Bbox.from_bounds(place[0] - size[0] / 2, place[1] - size[1] / 2, *size)


def _line_boxes(axes: Axes, lines: Sequence[tuple[float, float]], scale: float) -> list[Bbox]:
    """Return what the level and upright pieces of a line cover on these axes, with room."""
    corners = axes.transData.transform(np.reshape(lines, (-1, 2))) * scale
    inside = _scaled(axes.get_window_extent(), scale)
    boxes = [Bbox([start, end]) for start, end in pairwise(corners)]
    seen = [Bbox.intersection(box.padded(1), inside) for box in map(_upright, boxes)]
    return [box for box in seen if box is not None]


def _upright(box: Bbox) -> Bbox:
    return Bbox.from_extents(box.xmin, box.ymin, box.xmax, box.ymax)


def _scaled(box: Bbox, scale: float) -> Bbox:
    return Bbox(box.get_points() * scale)
