"""Learning rates: the score on validation by rate, and how the best rate goes with the rank."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from study.metrics.measure import Measure
from study.pages.figures import style
from study.pages.figures.axes import rank_axis, score_axis
from study.pages.figures.one_rate import at_best, draw_one_rate, one_rate, tried_rates
from study.words.phrases import capitalised, listed
from study.words.scores import axis, measure_in

Record = Mapping[str, Any]

_NAMES = {"fixed": "s = α / r", "rslora": "s = α / √r", "proportional": "s = α"}
_DASHES = {"fixed": style.DASHED, "rslora": style.DOTTED, "proportional": style.DASH_DOTTED}
_FEW = 4  # ranks whose best rates are listed one by one
_WRAP = 34  # characters of a line of words where there is nothing to draw


def draw(record: Record) -> Figure:
    """Draw `metrics/learning_rate.json`: a panel by rate, and one by rank.

    Of a single rate there is nothing to compare: then accuracies at that rate, by rank.
    """
    rate = one_rate(record)
    if rate is not None:
        return draw_one_rate(record, rate)
    lora = [arm for arm in record["arms"] if arm["rank"] is not None]
    full = next(arm for arm in record["arms"] if arm["arm"] == "full")
    figure = Figure(figsize=(style.WIDTH, 4.3), layout="constrained")
    figure.suptitle("Learning rates", x=0.01, ha="left")
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.25, 1]})
    _by_rate(left, lora, full, measure_in(record))
    _by_rank(right, lora, record)
    handles, labels = (
        list(chain(*pair))
        for pair in zip(*(axes.get_legend_handles_labels() for axes in (left, right)), strict=True)
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=2.8)
    return figure


def _by_rate(axes: Axes, lora: Sequence[Record], full: Record, measure: Measure) -> None:
    """Draw the score on validation by rate, the best of each arm filled."""
    looks = style.rank_looks([arm["rank"] for arm in lora])
    for arm in (*lora, full):
        look = style.ARMS["full"] if arm["rank"] is None else looks[arm["rank"]]
        name = "full fine-tuning" if arm["rank"] is None else f"rank {arm['rank']}"
        axes.plot(
            [row["rate"] for row in arm["rates"]],
            [row["validation"] for row in arm["rates"]],
            color=look.color,
            linestyle=look.dashes,
            marker=look.marker,
            markerfacecolor="white",
            label=name,
        )
        gone = [row for row in arm.get("dropped", ()) if row["validation"] is not None]
        if gone:
            axes.plot(
                [row["rate"] for row in gone],
                [row["validation"] for row in gone],
                color=look.color,
                marker="x",
                linestyle="none",
            )
        best = at_best(arm)
        axes.plot(
            best["rate"], best["validation"], color=look.color, marker=look.marker, markersize=8
        )
    some = any("dropped" in arm for arm in (*lora, full))
    title = "By rate; best filled, crosses dropped" if some else "By rate; the best filled"
    axes.set_title(title, loc="left", color=style.GREY)
    axes.set_xlabel("Learning rate (log scale)")
    axes.set_ylabel(axis(measure, "Validation"))
    score_axis(axes, measure)
    _rate_ticks(axes, [row["rate"] for arm in (*lora, full) for row in tried_rates(arm)], "x")


def _by_rank(axes: Axes, lora: Sequence[Record], record: Record) -> None:
    """Draw the best rate by rank, with the predicted powers of the rank; or say why not."""
    axes.set_title("Best by rank", loc="left", color=style.GREY)
    exponent = record["exponent"]
    if "reason" in exponent:
        words = textwrap.fill(f"Not to be told: {exponent['reason']}.", _WRAP)
        axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    ranks, best = [arm["rank"] for arm in lora], [arm["best"] for arm in lora]
    look = style.ARMS["lora"]
    if exponent["low"] is not None:
        axes.set_title("By rank; discs: best in resamples", loc="left", color=style.GREY)
    for arm in lora:
        for row in arm["rates"]:
            if row["chosen"]:
                axes.scatter(
                    arm["rank"], row["rate"], s=260 * row["chosen"], color=look.color, alpha=0.25,
                    linewidth=0,
                )  # fmt: skip
    axes.plot(
        ranks, best, color=look.color, marker=look.marker, linestyle="none", label="best rate"
    )
    middle = (math.exp(sum(map(math.log, values)) / len(values)) for values in (ranks, best))
    rank, rate = middle
    for row in exponent["predictions"]:
        axes.plot(
            [min(ranks), max(ranks)],
            [rate * (end / rank) ** row["exponent"] for end in (min(ranks), max(ranks))],
            color=style.VERMILLION if row["applies"] else style.GREY,
            linewidth=2 if row["applies"] else 1.2,
            linestyle=_DASHES[row["scaling"]],
            label=f"predicted if {_NAMES[row['scaling']]}{' (as here)' if row['applies'] else ''}",
        )
    rank_axis(axes, ranks, 170)
    axes.set_xlabel("LoRA rank (log scale)")
    axes.set_ylabel("Best learning rate (log scale)")
    _rate_ticks(axes, [row["rate"] for arm in lora for row in tried_rates(arm)], "y")


def _rate_ticks(axes: Axes, rates: Sequence[float], which: str) -> None:
    """Set a log scale with a tick at rates that were tried, as far as labels find room."""
    tried = sorted(set(rates))
    low, high = tried[0] / 1.6, tried[-1] * 1.6
    apart = (high / low) ** (0.14 if which == "x" else 0.06)
    ticks: list[float] = []
    for rate in tried:
        if not ticks or rate / ticks[-1] >= apart:
            ticks.append(rate)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def caption(record: Record) -> str:
    """Say what there is to see."""
    lora = [arm for arm in record["arms"] if arm["rank"] is not None]
    rate = one_rate(record)
    if rate is not None:
        return (
            f"LoRA was trained at one learning rate, {rate:g}. So this study cannot say which rate "
            "is best, whether that depends on the rank, or what another one would change."
        )
    words = f"{_best_words(lora)}. {_exponent_words(record)}. {_forced_words(record)}."
    return f"{words} {_dropped_words(record)}".rstrip()


def _dropped_words(record: Record) -> str:
    """Say what crosses are; nothing where early exit dropped no rate."""
    gone = [row for arm in record["arms"] for row in arm.get("dropped", ())]
    if not gone:
        return ""
    shares = sorted({round(100 * row["step"] / row["steps"]) for row in gone})
    return (
        f"Crosses are rates that were dropped after {listed(shares)} % of the steps, at the score "
        "that they had by then."
    )


def _best_words(lora: Sequence[Record]) -> str:
    best = sorted({arm["best"] for arm in lora})
    if len(best) == 1:
        where = "at every rank" if len(lora) > 1 else f"at rank {lora[0]['rank']}"
        return f"On validation {best[0]:g} is LoRA's best learning rate {where}"
    if len(lora) > _FEW:
        ends = f"{best[0]:g} and {best[-1]:g}"
        return f"On validation LoRA's best learning rate lies between {ends}, by rank"
    at = [f"{arm['best']:g} at rank {arm['rank']}" for arm in lora]
    return f"On validation LoRA's best learning rate is {listed(at)}"


def _exponent_words(record: Record) -> str:
    exponent = record["exponent"]
    if "reason" in exponent:
        return f"We cannot say how it changes with the rank: {exponent['reason']}"
    own = next((row for row in exponent["predictions"] if row["applies"]), None)
    interval = ""
    if exponent["low"] is not None:
        interval = f" ({exponent['low']:.2f} to {exponent['high']:.2f} over resampled seeds)"
    words = f"It changes as the rank to the power {exponent['value']:.2f}{interval}"
    if own:
        words += f"; for this scaling of alpha {own['exponent']:g} is predicted"
    return (
        f"{words}. The rates tried lie so far apart that the power may be off by "
        f"{exponent['resolution']:.2f} either way"
    )


def _forced_words(record: Record) -> str:
    forced = record["forced"]
    if isinstance(forced, Mapping):
        return f"We cannot say what one rate for all ranks would change: {forced['reason']}"
    turning = [f"{row['rate']:g}" for row in forced if row["turned_over"]]
    if not turning:
        return "With one rate for all ranks, no conclusion would change"
    return f"With one rate for all ranks, some conclusions would change: at {listed(turning)}"


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    arms = []
    for arm in record["arms"]:
        if arm["arm"] != "head_only":
            name = "full fine-tuning" if arm["rank"] is None else f"rank {arm['rank']}"
            best = at_best(arm)
            arms.append(f"{name} {measure_in(record).shown(best['validation'])} at {arm['best']:g}")
    if one_rate(record) is not None:
        words = capitalised(measure_in(record).words)
        return f"{words} by rank at one learning rate; on validation {listed(arms)}. " + caption(
            record
        )
    return (
        f"Validation {measure_in(record).words} by learning rate, a line for each rank and full "
        f"fine-tuning; best are {listed(arms)}. {_exponent_words(record)}."
    )
