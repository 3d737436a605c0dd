"""Accuracy by rank where LoRA was trained at one learning rate: there are no rates to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from study.pages.figures import style
from study.pages.figures.axes import rank_axis, score_axis
from study.pages.figures.text import below
from study.words.phrases import capitalised
from study.words.scores import axis, measure_in

Record = Mapping[str, Any]

_LOOKS = {
    "validation": style.Look(style.BLUE, "o", style.DASHED),
    "test": style.Look(style.ORANGE, "D", style.SOLID),
}


def one_rate(record: Record) -> float | None:
    """Return LoRA's learning rate if it was tried at one alone."""
    lora = [arm for arm in record["arms"] if arm["rank"] is not None]
    tried = {row["rate"] for arm in lora for row in tried_rates(arm)}
    return tried.pop() if len(tried) == 1 else None


def tried_rates(arm: Record) -> list[Record]:
    """Return an arm's rows of rates, then of those that early exit dropped."""
    return [*arm["rates"], *arm.get("dropped", ())]


def at_best(arm: Record) -> Record:
    """Return an arm's row at its best rate."""
    row: Record = next(row for row in arm["rates"] if row["rate"] == arm["best"])
    return row


def draw_one_rate(record: Record, rate: float) -> Figure:
    """Draw LoRA's score on validation and on test by rank, beside full fine-tuning's best."""
    lora = [arm for arm in record["arms"] if arm["rank"] is not None]
    full = next(arm for arm in record["arms"] if arm["arm"] == "full")
    figure = Figure(figsize=(style.WIDTH, 3.6), layout="constrained")
    figure.suptitle(f"LoRA at its one learning rate, {rate:g}", x=0.01, ha="left")
    axes = figure.subplots()
    ranks, best = [arm["rank"] for arm in lora], at_best(full)
    for split, look in _LOOKS.items():
        axes.plot(
            ranks,
            [at_best(arm)[split] for arm in lora],
            color=look.color,
            marker=look.marker,
            linestyle=look.dashes,
            label=f"LoRA, {split}",
        )
        axes.axhline(
            best[split],
            color=look.color,
            linestyle=style.DOTTED if split == "validation" else style.DASH_DOTTED,
            label=f"Full fine-tuning at {full['best']:g}, {split}",
        )
    rank_axis(axes, ranks, 400)
    measure = measure_in(record)
    score_axis(axes, measure)
    axes.set_xlabel("LoRA rank (log scale)")
    axes.set_ylabel(capitalised(axis(measure, "").strip()))
    below(figure, axes, "No other rate was tried for LoRA, so which is best is not known.")
    return figure
