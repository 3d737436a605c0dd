"""Every rank's difference to full fine-tuning, with two intervals, and the margins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from study.pages.figures import style
from study.words.phrases import counted

Record = Mapping[str, Any]

RECOMMENDED_SIZE = 12  # points: a star looks smaller than a disc
_ROOM = 0.08  # above and below what the differences' axis is to show, as a share of it


def draw_differences(axes: Axes, record: Record) -> None:
    """Draw every rank's difference to full fine-tuning, with the margins."""
    rows = record["differences"]
    axes.set_title(_difference_words(record), loc="left", color=style.GREY)
    margins = [entry["margin"] for entry in record["equivalence"]]
    axes.set_ylim(*_span(rows, max(margins)))
    axes.axhline(0, color=style.ARMS["full"].color, linewidth=1, zorder=1)
    for margin in margins:
        for side in (-margin, margin):
            axes.axhline(side, color=style.GREY, linewidth=0.8, linestyle=style.DOTTED, zorder=1)
    for place, row in enumerate(rows):
        _interval(axes, place, row, "low_together", "high_together", 1.0)
        _interval(axes, place, row, "low", "high", 3.5)
        look = style.ARMS["lora"]
        if row["rank"] == record["recommended"]["rank"]:
            look = style.RECOMMENDED
        axes.plot(
            place,
            row["difference"],
            marker=look.marker,
            color=look.color,
            markeredgecolor="black",
            markersize=RECOMMENDED_SIZE if look is style.RECOMMENDED else 7,
            zorder=4,
        )
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.set_ylabel("Difference to full\nfine-tuning (points)")


def _span(rows: Sequence[Record], margin: float) -> tuple[float, float]:
    """Return what y shows: the margins and each rank's own interval.

    The intervals of all ranks together can be many times wider; where one runs out of the panel an
    arrow says so.
    """
    ends = [(row["low"], row["high"]) for row in rows if row["low"] is not None]
    values = [-margin, margin, *(row["difference"] for row in rows)]
    values += [end for pair in ends for end in pair]
    low, high = min(values), max(values)
    return low - _ROOM * (high - low), high + _ROOM * (high - low)


def _interval(axes: Axes, place: int, row: Record, low: str, high: str, width: float) -> None:
    if row[low] is not None:
        axes.plot(
            [place, place],
            [row[low], row[high]],
            color=style.ARMS["lora"].color,
            linewidth=width,
            solid_capstyle="butt",
            zorder=2,
        )
        bottom, top = axes.get_ylim()
        for outside, edge, arrow in ((row[low] < bottom, bottom, "v"), (row[high] > top, top, "^")):
            if outside:
                axes.plot(
                    place,
                    edge,
                    marker=arrow,
                    color=style.ARMS["lora"].color,
                    markersize=5,
                    clip_on=False,
                    zorder=3,
                )


def _difference_words(record: Record) -> str:
    alone = f"{100 * (1 - 2 * record['alpha']):.3g} % intervals"
    over = f"{counted(record['sentences'], 'test sentence')}"
    alpha = record["alpha"]
    why = (
        f"those that the tests at {100 * alpha:.3g} % go by (tables give {100 * (1 - alpha):.3g} %)"
    )
    if record["error_from"] == "sentences":
        return f"One seed; {alone} over {over} alone:\n{why}"
    return f"{alone} over {counted(record['seeds'], 'seed')} and {over}:\n{why}"
