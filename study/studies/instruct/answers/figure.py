"""Instruction tuning by rank: perplexity, how far from full fine-tuning, training, and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.words.phrases import counted, listed, significant

Record = Mapping[str, Any]

_SMOOTHED = 10  # a training curve is drawn as its running mean over one part of so many
_LABEL = 0.21  # of the width of a panel: a number of parameters


def draw(record: Record) -> Figure:
    """Draw `all_results.json`: four panels."""
    figure = Figure(figsize=(style.WIDTH, 6.0), layout="constrained")
    figure.suptitle("Instruction tuning by LoRA rank", x=0.01, ha="left")
    (levels, above), (losses, costs) = figure.subplots(2, 2)
    _levels(levels, record)
    _above(above, record)
    _losses(losses, record)
    _costs(costs, record)
    for axes in (levels, above, costs):
        rank_axis(axes, [row["rank"] for row in record["ranks"]], 180)
        axes.set_xlabel("LoRA rank (log scale)")
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    before = record["before"]["test_perplexity"]
    rows = record["ranks"]
    best = min(rows, key=lambda row: row["test_perplexity"])
    end = f"Tuning takes held-out perplexity from {before:.1f} to {best['test_perplexity']:.2f}"
    if len(rows) == 1:
        return f"{end} at rank {best['rank']}, the only one trained; the line is full fine-tuning."
    worst = max(rows, key=lambda row: row["test_perplexity"])
    apart = 100 * (worst["test_perplexity"] / best["test_perplexity"] - 1)
    reference, curves = record["reference_rank"], _curves([*rows, record["full"]])
    most = max(float(np.abs(curves[reference] - curve).max()) for curve in curves.values())
    return (
        f"{end} at rank {best['rank']} (lower is better; the line is full fine-tuning); the worst "
        f"rank, {worst['rank']}, ends {apart:.1f} % higher. Smoothed training losses stay within "
        f"{most:.2f} nats of rank {reference}'s. Intervals are at "
        f"{100 * record['confidence']:g} %, over {counted(record['test_pairs'], 'held-out pair')} "
        f"and {counted(len(record['seeds']), 'seed')}; in the second panel the thin ones are wide "
        "enough to hold for all comparisons together."
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    values = [f"{row['test_perplexity']:.2f} at rank {row['rank']}" for row in record["ranks"]]
    training = "how much lower the training loss of each arm is"
    return (
        f"Four panels by LoRA rank: held-out perplexity with intervals ({listed(values)}), how far "
        f"each rank is above full fine-tuning, {training} by step, and operations of a run by "
        "rank."
    )


def _levels(axes: Axes, record: Record) -> None:
    rows, look = record["ranks"], style.ARMS["lora"]
    full, line = record["full"], style.ARMS["full"]
    axes.axhspan(
        *(full["perplexity_low"], full["perplexity_high"]),
        color=line.color,
        alpha=0.13,
        linewidth=0,
    )
    axes.axhline(full["test_perplexity"], color=line.color, linestyle=style.DASHED)
    values = [row["test_perplexity"] for row in rows]
    ends = [
        [row["test_perplexity"] - row["perplexity_low"] for row in rows],
        [row["perplexity_high"] - row["test_perplexity"] for row in rows],
    ]
    ranks = [row["rank"] for row in rows]
    axes.errorbar(
        ranks, values, yerr=ends, color=look.color, marker=look.marker, capsize=3, linewidth=1
    )
    before = record["before"]["test_perplexity"]
    axes.set_title(f"Held-out perplexity (before: {before:.1f})", loc="left")
    axes.set_ylabel("Perplexity")


def _above(axes: Axes, record: Record) -> None:
    look, margin = style.ARMS["lora"], record["margins"][0]
    axes.axhspan(-margin, margin, color=style.GREY, alpha=0.13, linewidth=0)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    for row in record["ranks"]:
        over = row["over_full"]
        above = _per_cent(-over["gain"])
        for part, width, cap in (("joint_", 0.8, 3), ("", 2.2, 0)):
            low, high = (_per_cent(-over[f"{part}{end}"]) for end in ("high", "low"))
            axes.errorbar(
                row["rank"],
                above,
                yerr=[[above - low], [high - above]],
                color=look.color,
                marker=look.marker,
                elinewidth=width,
                capsize=cap,
            )
    axes.set_title(f"Perplexity above full's (band: ±{margin:g} %)", loc="left")
    axes.set_ylabel("Per cent")


def _losses(axes: Axes, record: Record) -> None:
    rows, reference = [*record["ranks"], record["full"]], record["reference_rank"]
    curves = _curves(rows)
    shown = next(iter(curves.values()))
    steps = min((row["loss_steps"] for row in rows), key=len)[-len(shown) :]
    looks = style.rank_looks([row["rank"] for row in record["ranks"]])
    for rank, curve in curves.items():
        if rank == reference:
            continue
        look = style.ARMS["full"] if rank is None else looks[rank]
        axes.plot(
            steps,
            curves[reference] - curve,
            color=look.color,
            linestyle=look.dashes,
            label="full" if rank is None else f"r = {rank}",
        )
    axes.set_xlabel("Optimiser step")
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    low, high = axes.get_ylim()
    lines = -(-(len(rows) - 1) // 3)  # of the legend, which takes its room above the curves
    axes.set_ylim(low, high + 0.12 * lines * (high - low))
    axes.legend(ncols=3, loc="upper left", columnspacing=1.0, handlelength=1.8)
    axes.set_title(f"Training loss below rank {reference}'s, smoothed", loc="left")
    axes.set_ylabel("Nats saved")


def _curves(rows: Sequence[Mapping[str, Any]]) -> dict[int | None, NDArray[np.float64]]:
    """Return by rank the training loss as its running mean, as far as all went; None: in full."""
    points = min(len(row["loss_values"]) for row in rows)
    window = -(-points // _SMOOTHED)
    weights = np.full(window, 1 / window)
    return {
        row["rank"]: np.convolve(row["loss_values"][:points], weights, mode="valid") for row in rows
    }


def _costs(axes: Axes, record: Record) -> None:
    rows = record["ranks"]
    ranks = [row["rank"] for row in rows]
    first = rows[0]["operations"]
    values = [100 * (row["operations"] / first - 1) for row in rows]
    axes.plot(ranks, values, color=style.VERMILLION, marker="s", linestyle=style.DASHED)
    free = math.inf  # octaves, from the right, at which there is room for a label
    for row, value in reversed(list(zip(rows, values, strict=True))):
        octave = math.log2(row["rank"])
        if octave > free:
            continue
        free = octave - _LABEL * (math.log2(ranks[-1] / ranks[0]) + 0.8)
        axes.annotate(
            f"{significant(row['trainable_parameters'] / 1e6)} M",
            (row["rank"], value),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
        )
    axes.set_ylim(-0.05 * max(*values, 1.0), 1.2 * max(*values, 1.0))
    axes.set_title("Operations, and trained parameters", loc="left")
    axes.set_ylabel(f"More than at rank {ranks[0]} (%)")


def _per_cent(nats: float) -> float:
    return 100 * math.expm1(nats)
