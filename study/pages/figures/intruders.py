"""Intruder dimensions by rank, and how near to the floor of a random direction they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.pages.figures.text import below
from study.pages.figures.whiskers import draw_middles
from study.records.arm_names import FULL, LORA
from study.words.phrases import significant

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_PALE = 0.13  # opacity of the band of full fine-tuning


def draw(record: Record) -> Figure:
    """Draw `metrics/spectra.json`: the matrices that LoRA adapts."""
    figure = Figure(figsize=(style.WIDTH, 3.9), layout="constrained")
    figure.suptitle("Does tuning bring in directions that were not there?", x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    lora, full = _rows(record, "lora"), _rows(record, "full")
    _counts(left, lora, "LoRA")
    _control(left, lora)
    _band(left, full, "first")
    _cosines(right, lora)
    _band(right, full, "least_cosine")
    cosine = record["intruder_floor"]["cosine"]
    floors = [row["floor"] for row in full]
    right.axhspan(0, cosine, color=style.ORANGE, alpha=0.12, linewidth=0)
    right.axhline(cosine, color=style.ORANGE, linewidth=1)
    right.axhline(float(np.mean(floors)), color=style.GREY, linestyle=style.DOTTED)
    left.set_ylabel("Intruders among the first ten\nvectors of a matrix")
    left.set_ylim(bottom=-0.04 * max(1, left.get_ylim()[1]))
    right.set_ylabel("Least cosine of the ten with the\nnearest pretrained vector")
    right.set_ylim(0, 1.03)
    band = style.ARMS["full"].color
    left.fill([], [], color=band, alpha=_PALE, linewidth=0, label="Full fine-tuning, all matrices")
    left.plot([], [], color=style.ORANGE, label=f"Intruder: cosine below {cosine:g}")
    left.plot(
        [], [], color=style.GREY, linestyle=style.DOTTED, label="A random direction's, expected"
    )
    for axes in (left, right):
        rank_axis(axes, record["settings"]["ranks"], 200)
        axes.set_xlabel("LoRA rank (log scale)")
    below(figure, left, _words(record))
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    lora, full = _rows(record, "lora"), _rows(record, "full")
    ranks = sorted({row["rank"] for row in lora})
    ends = [f"{_mean(lora, rank):.2f} at rank {rank}" for rank in dict.fromkeys(_ends(ranks))]
    return (
        "An intruder is a strong direction (singular vector) of a tuned matrix that the pretrained "
        f"matrix does not have. Of a matrix's first ten, {' and '.join(ends)} are intruders with "
        f"LoRA, {_mean(full, None):.2f} with full fine-tuning (averages over matrices). "
        f"{record['intruder_floor']['words']} {_size(record)}"
    )


def _size(record: Record) -> str:
    """Say what the count goes with, and what would have to be compared with it."""
    rows = record["summary"]
    full = next(row["relative_norm"] for row in rows if row["arm"] == FULL)
    lora = [row["relative_norm"] for row in rows if row["arm"] == LORA]
    by = ""
    if full:
        times = dict.fromkeys(significant(found(lora) / full) for found in (min, max))
        by = f", and LoRA's is {' to '.join(times)} times as large as full fine-tuning's here"
    return f"The count grows with the size of the update{by}. {_beside(rows)}"


def _beside(rows: Sequence[Row]) -> str:
    """Say what random updates of the same size and rank bring in."""
    drawn = [row["intruders_random"] for row in rows if row["arm"] == LORA]
    ends = dict.fromkeys(f"{found(drawn):.2f}" for found in (min, max))
    return (
        "So it stands beside that of random updates as large and of the same rank, of which "
        f"{' to '.join(ends)} of ten are intruders: what random updates have as well is no sign of "
        "LoRA. One is drawn for each matrix and seed, and no test was made of the difference."
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    return (
        "Two panels by LoRA rank. Left: intruders among the first ten singular vectors of a "
        "matrix, with LoRA and with random updates as large. Right: the least cosine of those ten "
        "with the nearest pretrained vector, with the threshold and what a random direction has. "
        f"{caption(record)}"
    )


def _ends(ranks: Sequence[int]) -> list[int]:
    return [ranks[0], ranks[-1]] if ranks else []


def _rows(record: Record, arm: str) -> list[Row]:
    targets = {row["module"] for row in record["full"] if row["target"]}
    return [r for r in record["intruders"] if r["arm"] == arm and r["module"] in targets]


def _words(record: Record) -> str:
    if len(record["settings"]["seeds"]) == 1:
        return "Mean over adapted matrices of one seed; bars and band at right: all matrices."
    return (
        "Mean over adapted matrices and seeds. Bars at left: lowest to highest seed. Bars and\n"
        "band at right: lowest to highest matrix."
    )


def _mean(rows: Sequence[Row], rank: int | None) -> float:
    return float(np.mean([row["first"] for row in rows if row["rank"] == rank]))


def _counts(axes: Axes, rows: Sequence[Row], name: str) -> None:
    """Draw the count a matrix by rank, over seeds."""
    ranks = sorted({row["rank"] for row in rows})
    by_seed = [np.mean([row["first"] for row in rows if row["rank"] == r], axis=0) for r in ranks]
    draw_middles(axes, ranks, [seeds.tolist() for seeds in by_seed], style.ARMS["lora"], name)


def _control(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the same count of random updates as large and of the same rank."""
    ranks = sorted({row["rank"] for row in rows})
    means = [float(np.mean([r["random"] for r in rows if r["rank"] == rank])) for rank in ranks]
    label = "Random updates of LoRA's size and rank"
    axes.plot(ranks, means, "x", color=style.BLACK, zorder=5, label=label)


def _cosines(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the least cosine by rank, over matrices."""
    ranks = sorted({row["rank"] for row in rows})
    values = [[r["least_cosine"] for r in rows if r["rank"] == rank] for rank in ranks]
    draw_middles(axes, ranks, values, style.ARMS["lora"], None)


def _band(axes: Axes, rows: Sequence[Row], key: str) -> None:
    look = style.ARMS["full"]
    values = [float(np.mean(row[key])) for row in rows]
    if key == "least_cosine":
        axes.axhspan(min(values), max(values), color=look.color, alpha=_PALE, linewidth=0)
    axes.axhline(
        float(np.mean(values)), color=look.color, linestyle=look.dashes, label="Full fine-tuning"
    )
