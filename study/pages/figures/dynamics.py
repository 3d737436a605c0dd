"""How training went: loss and validation by step, every arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from study.metrics.measure import REGRESSION, Measure
from study.pages.figures import style
from study.pages.figures.axes import percent_axis
from study.pages.figures.text import short_count
from study.words.scores import axis, measure_in

Row = Mapping[str, Any]

_FEW = 12  # points that stand apart enough for markers
_TITLES = {"lora": "LoRA", "full": "Full fine-tuning", "head_only": "Head only"}
_LOSS = "training loss"


def draw(rows: Sequence[Row], summary: Mapping[str, Any]) -> Figure:
    """Draw `plots/dynamics.json`: a row per quantity, a column per kind of arm.

    Each column has its own steps: the head alone trains for more of them. LoRA and full fine-tuning
    share the axis of y; head-only has its own, or it would press the ranks together.
    """
    looks = style.rank_looks(sorted({row["rank"] for row in rows if row["arm"] == "lora"}))
    figure = Figure(figsize=(style.WIDTH, 4.8), layout="constrained")
    figure.suptitle("Training by optimiser step", x=0.01, ha="left")
    grid = figure.subplots(2, 3, sharex="col", gridspec_kw={"width_ratios": [1.7, 1, 1]})
    measure = measure_in(summary)
    labels = {_LOSS: f"Training loss ({_unit(measure)})", _validation(measure): _label(measure)}
    for quantity, line in zip(labels, grid, strict=True):
        for axes, arm in zip(line, _TITLES, strict=True):
            shown = [row for row in rows if (row["quantity"], row["arm"]) == (quantity, arm)]
            _arm(axes, shown, looks)
            if quantity != _LOSS and measure.in_percent:
                percent_axis(axes)
        _limit([row for row in rows if row["quantity"] == quantity], line)
        line[0].set_ylabel(labels[quantity])
        line[1].sharey(line[0])
        line[1].tick_params(labelleft=False)
    for axes, arm in zip(grid[0], _TITLES, strict=True):
        axes.set_title(_TITLES[arm], loc="left", fontweight="bold")
    for axes in grid[1]:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: short_count(step)))
        axes.set_xlim(left=0)
        axes.set_xlabel("Optimiser step")
    handles, names = grid[1, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", title="Rank", handlelength=2.8)
    figure.supxlabel(_words(summary), x=0.01, ha="left", color=style.GREY, fontsize=style.SMALL)
    return figure


def caption(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Say what there is to see."""
    loss = _last(rows, _LOSS, "{:.2f}".format)
    measure = measure_in(summary)
    last, words = _last(rows, _validation(measure), measure.shown), measure.words
    return (
        f"Training loss (above) and validation {words} (below) by optimiser step, at each arm's "
        f"learning rate. At the last step loss is {loss}; {words} is {last}. (Elsewhere on "
        f"this page validation {words} is that of each run's best epoch.)"
    )


def alternative(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Tell what is drawn to someone who cannot see it."""
    last = max(row["step"] for row in rows if row["arm"] == "full")
    head_only = max(row["step"] for row in rows if row["arm"] == "head_only")
    return (
        f"Six panels of curves: training loss and {_validation(measure_in(summary))} of LoRA at "
        f"every rank, of full fine-tuning, each over {last:,} steps, and of the head alone, over "
        f"{head_only:,}. "
        f"{_words(summary)}"
    )


def _last(rows: Sequence[Row], quantity: str, written: Callable[[float], str]) -> str:
    """Return where the mean of each kind of arm ends, LoRA's from its lowest to its highest."""
    ends: dict[str, dict[int | None, float]] = {}
    for row in sorted(rows, key=lambda row: int(row["step"])):
        if row["quantity"] == quantity:
            ends.setdefault(row["arm"], {})[row["rank"]] = row["value"]
    low, high = (written(found(ends["lora"].values())) for found in (min, max))
    lora = f"{low} with LoRA" if low == high else f"{low} to {high} with LoRA"
    full, head_only = (written(ends[arm][None]) for arm in ("full", "head_only"))
    return f"{lora}, {full} with full fine-tuning and {head_only} with the head alone"


def _arm(axes: Axes, rows: Sequence[Row], looks: Mapping[int, style.Look]) -> None:
    """Draw the curves of one kind of arm; the more ranks, the fainter the bands of each."""
    ranks = sorted({row["rank"] for row in rows}, key=lambda rank: rank or 0)
    for rank in ranks:
        curve = [row for row in rows if row["rank"] == rank]
        look = style.ARMS[curve[0]["arm"]] if rank is None else looks[rank]
        steps = [row["step"] for row in curve]
        axes.fill_between(
            steps,
            [row["low"] for row in curve],
            [row["high"] for row in curve],
            color=look.color,
            alpha=min(0.15, 0.4 / len(ranks)),
            linewidth=0,
        )
        axes.plot(
            steps,
            [row["value"] for row in curve],
            color=look.color,
            linestyle=look.dashes,
            marker=look.marker if len(curve) <= _FEW else None,
            markersize=4,
            label=None if rank is None else str(rank),
        )


def _limit(rows: Sequence[Row], line: Sequence[Axes]) -> None:
    """Fit y to what was measured after the first step; before it, there is nothing to compare."""
    for axes, arms in ((line[0], ("lora", "full")), (line[2], ("head_only",))):
        shown = [row for row in rows if row["arm"] in arms and row["step"] > 0]
        low, high = min(row["low"] for row in shown), max(row["high"] for row in shown)
        margin = 0.06 * max(high - low, 0.01)
        axes.set_ylim(low - margin, high + margin)


def _validation(measure: Measure) -> str:
    return f"validation {measure.words}"


def _label(measure: Measure) -> str:
    return axis(measure, "Validation")


def _unit(measure: Measure) -> str:
    return "squared error" if measure.task == REGRESSION else "nats"


def _words(summary: Mapping[str, Any]) -> str:
    if len(summary["seeds"]) == 1:
        return "One seed."
    return f"Lines: mean of {len(summary['seeds'])} seeds; bands: from the lowest to the highest."
