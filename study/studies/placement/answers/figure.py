"""Every placement's difference to full fine-tuning, paired, by the adapter's parameters.

What stands one above the other trains as many parameters; what a line joins is in the same modules
at another rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.text import below, interval_words, short_count
from study.studies.placement.cells import LABELS
from study.words.phrases import capitalised, listed
from study.words.scores import measure_in

Record = Mapping[str, Any]

LOOKS = {
    "query_value": style.Look(style.BLUE, "o", style.SOLID),
    "attention": style.Look(style.GREEN, "s", style.DASHED),
    "mlp": style.Look(style.ORANGE, "D", style.DOTTED),
    "all_linear": style.Look(style.BLACK, "P", style.SOLID),
    "upper_half": style.Look(style.PURPLE, "^", style.DASH_DOTTED),
    "lower_half": style.Look(style.GREY, "v", style.DASH_DOTTED),
}
MAIN = LOOKS["query_value"]  # the main study's modules, if they are none of these
_LABELS = ((-8, -11), (4, 4))  # points off, in turn: of neighbours one stands below, one above
_ASIDE = 1.03  # times further right, from placement to placement, so that intervals show


def colours() -> dict[str, str]:
    """Return the colour of each placement by its name in the rows of plots/."""
    return {LABELS[name]: look.color for name, look in LOOKS.items()}


def draw(record: Record) -> Figure:
    """Draw `placement/metrics/placement.json`: a line a placement."""
    figure = Figure(figsize=(style.WIDTH, 4.6), layout="constrained")
    figure.suptitle(
        "Where to put LoRA: every placement by the parameters that it trains", x=0.01, ha="left"
    )
    axes = figure.subplots()
    axes.axhline(
        0,
        color=style.ARMS["full"].color,
        linestyle=style.DASHED,
        linewidth=1,
        zorder=1,
        label="Full fine-tuning",
    )
    placements = _by_placement(record)
    for place, own in enumerate(placements.values()):
        aside = _ASIDE ** (place - len(placements) // 2)
        _line(axes, own, aside, _LABELS[place % len(_LABELS)])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 3.0), numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.set_xlabel("Parameters of the adapter (log scale); beside the points: ranks")
    words = measure_in(record).words
    axes.set_ylabel(f"Test {words} less full fine-tuning's (points)")
    below(figure, axes, f"{interval_words(record)}, of the differences")
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    first = record["answer"]["words"][0].replace("**", "")
    return (
        f"{first} Points one above the other train about as many parameters; a line joins the "
        "ranks of a placement."
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    each = [
        f"{row['label']} at rank {row['rank']} {row['to_full']['difference']:+.1f}"
        f"{_reach(row['to_full'])} with {row['adapter_parameters']:,}"
        for row in record["arms"]
    ]
    return (
        f"{capitalised(measure_in(record).words)} on test less full fine-tuning's, in points, and "
        f"parameters of the adapter, of LoRA in {listed(each)}. {interval_words(record)}."
    )


def _by_placement(record: Record) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in record["arms"]:
        found.setdefault(row["name"], []).append(row)
    return found


def _line(axes: Axes, own: Sequence[Record], aside: float, label: tuple[int, int]) -> None:
    look = LOOKS.get(own[0]["name"], MAIN)
    places = [aside * row["adapter_parameters"] for row in own]
    gaps = [row["to_full"] for row in own]
    middles = [gap["difference"] for gap in gaps]
    ends = [
        [middle - _or(gap["low"], middle) for middle, gap in zip(middles, gaps, strict=True)],
        [_or(gap["high"], middle) - middle for middle, gap in zip(middles, gaps, strict=True)],
    ]
    axes.errorbar(
        places,
        middles,
        yerr=ends,
        color=look.color,
        marker=look.marker,
        linestyle=look.dashes,
        linewidth=1,
        elinewidth=0.8,
        capsize=2,
        label=capitalised(own[0]["label"]),
    )
    for place, middle, row in zip(places, middles, own, strict=True):
        axes.annotate(
            str(row["rank"]),
            (place, middle),
            xytext=label,
            textcoords="offset points",
            color=look.color,
        )


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _reach(gap: Record) -> str:
    return "" if gap["low"] is None else f" ({gap['low']:+.1f} to {gap['high']:+.1f})"
