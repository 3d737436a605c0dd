"""Instruction tuning by rank: held-out perplexity, what ranks gain, training, and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import style
from study.figures.axes import rank_axis
from study.words import counted, listed

Record = Mapping[str, Any]


def draw(record: Record) -> Figure:
    """Draw `all_results.json`: four panels."""
    figure = Figure(figsize=(style.WIDTH, 6.0), layout="constrained")
    figure.suptitle("Instruction tuning by LoRA rank", x=0.01, ha="left")
    (levels, gains), (losses, costs) = figure.subplots(2, 2)
    _levels(levels, record)
    _gains(gains, record)
    _losses(losses, record)
    _costs(costs, record)
    for axes in (levels, gains, costs):
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
        return f"{end} at rank {best['rank']}, the only one trained."
    worst = max(rows, key=lambda row: row["test_perplexity"])
    apart = 100 * (worst["test_perplexity"] / best["test_perplexity"] - 1)
    return (
        f"{end} at rank {best['rank']}; the worst rank, {worst['rank']}, lies {apart:.1f} % above. "
        f"Intervals are over {counted(record['test_pairs'], 'held-out pair')} and "
        f"{counted(len(record['seeds']), 'seed')}."
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    values = [f"{row['test_perplexity']:.2f} at rank {row['rank']}" for row in record["ranks"]]
    return (
        f"Four panels by LoRA rank: held-out perplexity with intervals ({listed(values)}), what "
        f"each rank gains over rank {record['reference_rank']}, training loss by step, and "
        "operations of a run by rank."
    )


def _levels(axes: Axes, record: Record) -> None:
    rows, look = record["ranks"], style.ARMS["lora"]
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


def _gains(axes: Axes, record: Record) -> None:
    look, margin, reference = style.ARMS["lora"], record["margin"], record["reference_rank"]
    axes.axhspan(-margin, margin, color=style.GREY, alpha=0.13, linewidth=0)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    rows = [row for row in record["ranks"] if row["over_reference"]]
    for row in rows:
        gain, low, high = (_per_cent(row["over_reference"][k]) for k in ("gain", "low", "high"))
        axes.errorbar(
            row["rank"],
            gain,
            yerr=[[gain - low], [high - gain]],
            color=look.color,
            marker=look.marker,
            capsize=3,
        )
    axes.plot(reference, 0, marker="D", color=style.ORANGE, markeredgecolor="black")
    axes.set_title(f"Gain over rank {reference} (band: ±{margin:g} %)", loc="left")
    axes.set_ylabel("Per cent of perplexity")


def _losses(axes: Axes, record: Record) -> None:
    rows = record["ranks"]
    looks = style.rank_looks([row["rank"] for row in rows])
    for row in rows:
        look = looks[row["rank"]]
        axes.plot(
            row["loss_steps"],
            row["loss_values"],
            color=look.color,
            linestyle=look.dashes,
            label=f"rank {row['rank']}",
        )
    axes.legend(ncols=2 if len(rows) > 4 else 1)
    axes.set_title("Training loss, mean over steps", loc="left")
    axes.set_xlabel("Optimiser step")
    axes.set_ylabel("Loss of response tokens (nats)")


def _costs(axes: Axes, record: Record) -> None:
    rows = record["ranks"]
    ranks = [row["rank"] for row in rows]
    first = rows[0]["operations"]
    values = [100 * (row["operations"] / first - 1) for row in rows]
    axes.plot(ranks, values, color=style.VERMILLION, marker="s", linestyle=style.DASHED)
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            f"{row['trainable_parameters'] / 1e6:.2f} M",
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
