"""How concentrated updates are: singular values, and the energy that the first few hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.axes import percent_axis, rank_axis
from study.pages.figures.text import below

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_LEAST = 1e-4  # of the largest singular value; what is smaller runs out of the picture
GRADIENT = style.Look(style.GREEN, "^", style.DOTTED)


@dataclass(frozen=True)
class Curve:
    """Values by number of directions, over matrices and seeds: median and quartiles."""

    middle: list[float]
    low: list[float]
    high: list[float]


def draw(record: Record) -> Figure:
    """Draw `metrics/spectra.json`: the matrices that LoRA adapts."""
    figure = Figure(figsize=(style.WIDTH, 4.0), layout="constrained")
    figure.suptitle("How concentrated is an update?", x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    parts = _parts(record)
    longest = 1
    for name, (look, rows) in parts.items():
        curve = _over([np.array(r["singular_values"]) / r["singular_values"][0] for r in rows])
        _line(left, curve, look, name)
        curve = _over([np.cumsum(np.square(r["singular_values"])) / r["norm"] ** 2 for r in rows])
        _line(right, curve, look, name)
        longest = max(longest, len(curve.middle))
    share = record["settings"]["energy"]
    right.axhline(share, color=style.GREY, linewidth=1)
    right.text(
        1.01,
        share,
        f"{100 * share:g} %",
        transform=right.get_yaxis_transform(),
        color=style.GREY,
        va="center",
    )
    left.set_yscale("log")
    left.set_ylim(max(left.get_ylim()[0], _LEAST), 1.3)
    left.yaxis.set_major_locator(LogLocator(10, subs=(1, 3), numticks=20))
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_formatter(NullFormatter())
    left.set_ylabel("Singular value, of the largest (log scale)")
    percent_axis(right)
    right.set_ylim(0, 1.04)
    right.set_ylabel("Energy of the first r (%)")
    ticks = [2**power for power in range(longest.bit_length()) if 2**power <= longest]
    for axes, label in ((left, "Number (log scale)"), (right, "Directions r (log scale)")):
        rank_axis(axes, ticks, 200)
        axes.set_xlabel(label)
    below(figure, left, "Median over adapted matrices and seeds; bands: their middle half.")
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    ranks = [row["energy_rank"] for row in _rows(record["full"])]
    share = f"{100 * record['settings']['energy']:g} %"
    words = (
        f"Full fine-tuning's update spreads over many directions: it takes {_span(ranks)} of them, "
        f"by matrix and seed, to hold {share} of it (of its squared singular values)."
        if ranks
        else "Full fine-tuning left these matrices as they were."
    )
    largest = max(record["settings"]["ranks"])
    of_lora = [r["energy_rank"] for r in _rows(record["lora"]) if r["rank"] == largest]
    if of_lora:
        words += f" LoRA of rank {largest} needs {_span(of_lora)}."
    return words


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    names = ", ".join(name.lower() for name in _parts(record))
    return (
        "Two panels over the number of directions. Left: singular values against the largest; "
        f"right: the share of squared norm that the first ones hold. Curves: {names}. "
        f"{caption(record)}"
    )


def _parts(record: Record) -> dict[str, tuple[style.Look, list[Row]]]:
    """Return what is drawn: name, look and rows; what is all zero is left out."""
    largest = max(record["settings"]["ranks"])
    lora = [row for row in record["lora"] if row["rank"] == largest]
    parts = {
        "Full fine-tuning": (style.ARMS["full"], _rows(record["full"])),
        f"LoRA, rank {largest}": (style.ARMS["lora"], _rows(lora)),
        "Gradient at the start": (GRADIENT, _rows(record["gradient"])),
    }
    return {name: part for name, part in parts.items() if part[1]}


def _rows(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["target"] and row["norm"]]


def _over(curves: Sequence[Any]) -> Curve:
    """Put curves of any length over one another: at each place those that reach it."""
    places = [[v for v in at if v is not None] for at in zip_longest(*(c.tolist() for c in curves))]
    return Curve(
        [float(np.median(at)) for at in places],
        [float(np.quantile(at, 0.25)) for at in places],
        [float(np.quantile(at, 0.75)) for at in places],
    )


def _line(axes: Axes, curve: Curve, look: style.Look, name: str) -> None:
    x = range(1, len(curve.middle) + 1)
    axes.fill_between(x, curve.low, curve.high, color=look.color, alpha=0.13, linewidth=0)
    axes.plot(
        x,
        curve.middle,
        color=look.color,
        linestyle=look.dashes,
        marker=look.marker,
        markevery=[place - 1 for place in (1, 2, 4, 8, 16, 32, 64) if place <= len(x)],
        label=name,
    )


def _span(ranks: Sequence[int]) -> str:
    low, high = min(ranks), max(ranks)
    return f"{low}" if low == high else f"{low} to {high}"
