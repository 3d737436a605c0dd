"""The score against rank: is there a rank from which more buys nothing?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.pages.figures import style
from study.pages.figures.axes import panels, rank_axis
from study.pages.figures.text import below, interval_words, keep_apart
from study.words.arms import head_words
from study.words.phrases import capitalised, listed, points
from study.words.scores import axis, digits, measure_in, merit, score, seed_scores, shown

Row = Mapping[str, Any]


def draw(rows: Sequence[Row], summary: Mapping[str, Any]) -> Figure:
    """Draw `plots/rank_curve.json`: LoRA with intervals; full and the best head alone as bands."""
    rows = [row for row in rows if row["arm"] in ("lora", "full", summary["head_alone"])]
    lora = [row for row in rows if row["arm"] == "lora"]
    others = {row["arm"]: row for row in rows if row["arm"] != "lora"}
    headline = next(row for row in lora if row["headline"])
    figure = Figure(figsize=(style.WIDTH, 4.6), layout="constrained")
    measure = measure_in(summary)
    figure.suptitle(f"Test {measure.words} by LoRA rank", x=0.01, ha="left")
    spans = [(row["low"], row["high"]) for row in rows]
    spans += [(value, value) for row in lora for value in seed_scores(row)]
    all_axes = panels(figure, spans, axis(measure), in_percent=measure.in_percent)
    for axes in all_axes:
        for row in others.values():
            _band(axes, row)
        _points(axes, lora)
        _headline(axes, headline)
    names = [_name_bands(axes, list(others.values())) for axes in all_axes]
    rank_axis(all_axes[-1], [row["rank"] for row in lora], 330, keep=[headline["rank"]])
    all_axes[-1].set_xlabel("LoRA rank (log scale)")
    all_axes[0].set_title(interval_words(summary), loc="left", color=style.GREY)
    below(figure, all_axes[0])
    style.settle(figure)
    for axes, texts in zip(all_axes, names, strict=True):
        keep_apart(axes, texts)
    return figure


def caption(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Say what there is to see."""
    lora = _sorted_lora(rows)
    full, head = _shown_of(rows, "full"), _shown_of(rows, summary["head_alone"])
    others = f"full fine-tuning reaches {full} and the best head alone ({_head(summary)}) {head}"
    if len(lora) == 1:
        first = f"LoRA of rank {lora[0]['rank']} reaches {shown(lora[0])}"
        change = ""
    else:
        best = max(lora, key=merit)
        worst = min(lora, key=merit)
        first = (
            f"LoRA is best at rank {best['rank']} ({shown(best)}) "
            f"and worst at rank {worst['rank']} ({shown(worst)})"
        )
        rise = merit(lora[-1]) - merit(lora[0])
        measure = measure_in(summary)
        goes = "rises" if measure.value_of_merit(rise) >= 0 else "falls"
        change = (
            f"From the smallest rank to the largest, {measure.words} {goes} by "
            f"{points(rise, digits(measure))}; "
        )
    return f"{first}; {others}. {capitalised(change + _seeds_apart(lora, summary))}."


def _seeds_apart(lora: Sequence[Row], summary: Mapping[str, Any]) -> str:
    if len(summary["seeds"]) == 1:
        return "with one seed, nobody can see how far another would lie from it"
    apart = max(max(seed_scores(row)) - min(seed_scores(row)) for row in lora)
    apart = measure_in(summary).merit(apart)
    return (
        f"two seeds of the same rank differ by up to {points(apart, digits(measure_in(summary)))}"
    )


def alternative(rows: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Tell what is drawn to someone who cannot see it."""
    values = [f"{shown(row)} at rank {row['rank']}" for row in _sorted_lora(rows)]
    return (
        f"Test {measure_in(summary).words} by LoRA rank, with intervals: {listed(values)}. Level "
        f"bands show full fine-tuning at {_shown_of(rows, 'full')} and the best head alone "
        f"({_head(summary)}) at {_shown_of(rows, summary['head_alone'])}. "
        f"{interval_words(summary)}."
    )


def _sorted_lora(rows: Sequence[Row]) -> list[Row]:
    lora = [row for row in rows if row["arm"] == "lora"]
    return sorted(lora, key=lambda row: int(row["rank"]))


def _shown_of(rows: Sequence[Row], arm: str) -> str:
    return shown(next(row for row in rows if row["arm"] == arm))


def _head(summary: Mapping[str, Any]) -> str:
    arm = summary["head_alone"]
    return head_words(arm, summary[arm].get("state"))


def _band(axes: Axes, row: Row) -> None:
    look = style.ARMS[row["arm"]]
    axes.axhspan(row["low"], row["high"], color=look.color, alpha=0.13, linewidth=0)
    axes.axhline(score(row), color=look.color, linestyle=look.dashes)


def _points(axes: Axes, lora: Sequence[Row]) -> None:
    look = style.ARMS["lora"]
    octaves = _beside(lora)
    for row in lora if len(octaves) > 1 else []:
        axes.plot(
            [row["rank"] * 2**octave for octave in octaves],
            seed_scores(row),
            linestyle="none",
            marker="o",
            markersize=3,
            markeredgewidth=0.7,
            markerfacecolor="white",
            color=look.color,
            alpha=0.75,
            label="LoRA, single seeds" if row is lora[0] else None,
        )
    sweep = [row for row in lora if row["in_sweep"]]
    axes.plot(
        [row["rank"] for row in sweep],
        [score(row) for row in sweep],
        color=look.color,
        linestyle=look.dashes,
        linewidth=1,
    )
    for row in lora:
        axes.errorbar(
            row["rank"],
            score(row),
            yerr=[[score(row) - row["low"]], [row["high"] - score(row)]],
            color=look.color,
            marker=look.marker,
            capsize=3,
            label="LoRA, mean and interval" if row is lora[0] else None,
        )


def _beside(lora: Sequence[Row]) -> list[float]:
    """Return how far right of the interval each seed stands, in octaves of rank."""
    octaves = sorted(math.log2(row["rank"]) for row in lora)
    closest = min((b - a for a, b in pairwise(octaves)), default=1.0)
    num_seeds = len(seed_scores(lora[0]))
    unit = min(closest, 0.6) / 2
    return [unit * (0.3 + 0.4 * place / max(num_seeds - 1, 1)) for place in range(num_seeds)]


def _headline(axes: Axes, row: Row) -> None:
    look = style.HEADLINE
    outside = "" if row["in_sweep"] else ", outside the sweep"
    axes.plot(
        row["rank"],
        score(row),
        linestyle="none",
        marker=look.marker,
        markersize=8,
        color=look.color,
        markeredgecolor="black",
        zorder=5,
        label=f"Headline: rank {row['rank']}, {shown(row)}{outside}",
    )


def _name_bands(axes: Axes, rows: Sequence[Row]) -> list[Text]:
    """Write the names of the bands that are seen at their right ends."""
    low, high = axes.get_ylim()
    return [
        axes.text(
            1.01,
            score(row),
            f"{row['label']}\n{shown(row)}",
            transform=axes.get_yaxis_transform(),
            color=style.ARMS[row["arm"]].color,
            va="center",
        )
        for row in rows
        if low <= score(row) <= high
    ]
