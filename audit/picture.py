"""The picture of an audit: what each rank keeps, and which modules need how much of it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audit.record import HEADLINE, headline
from study.pages.figures import style
from study.pages.figures.axes import percent_axis, rank_axis

Record = dict[str, Any]
_MOST_NAMES = 24  # kinds of modules that are named on an axis


def svg(record: Record) -> bytes:
    """Draw a record whose adapter is not zero."""
    with style.styled():
        figure = Figure(figsize=(style.WIDTH, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _kept(left, record)
        _needed(right, record)
        style.settle(figure)
        held = io.BytesIO()
        figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None})
    return held.getvalue()


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    return (
        "Two panels. Left: the share of the adapter's energy that each rank keeps in all modules "
        f"together. Right: for each kind of module and each layer, the rank that keeps "
        f"{100 * HEADLINE:g} % of that module's energy."
    )


def _kept(axes: Axes, record: Record) -> None:
    """Draw the energy that the first r directions of every module keep, in all."""
    longest = max(len(row["singular_values"]) for row in record["by_module"])
    squares = np.zeros(longest)
    for row in record["by_module"]:
        values = np.square(row["singular_values"])
        squares[: len(values)] += values
        share = np.cumsum(values) / max(values.sum(), 1e-300)
        if values.sum():
            axes.plot(range(1, len(share) + 1), share, color=style.GREY, alpha=0.15, linewidth=0.8)
    whole = np.cumsum(squares) / squares.sum()
    look = style.ARMS["lora"]
    axes.plot(range(1, longest + 1), whole, color=look.color, marker=look.marker)
    rank = headline(record)
    if rank is not None and not record["weighed"]:
        axes.axvline(rank, color=style.VERMILLION, linestyle=style.DASHED, linewidth=1)
    axes.axhline(HEADLINE, color=style.GREY, linewidth=1)
    percent_axis(axes)
    axes.set_ylim(0, 1.04)
    axes.set_ylabel("Energy kept (%)")
    rank_axis(axes, [row["rank"] for row in record["energy_by_rank"]], 200)
    axes.set_xlabel("Rank r (log scale)")
    axes.set_title("All modules (thick), each module (grey)", loc="left")


def _needed(axes: Axes, record: Record) -> None:
    """Draw the rank that each module needs, a row a kind, a place a layer."""
    kinds = list(dict.fromkeys(row["kind"] for row in record["by_module"]))
    by_kind = {kind: [r for r in record["by_module"] if r["kind"] == kind] for kind in kinds}
    most = max(len(rows) for rows in by_kind.values())
    table = np.full((len(kinds), most), np.nan)
    for place, kind in enumerate(kinds):
        for layer, row in enumerate(by_kind[kind]):
            if row["energy_ranks"] is not None:
                table[place, layer] = row["energy_ranks"][f"{HEADLINE:g}"]
    axes.grid(visible=False)
    shown = axes.imshow(table, aspect="auto", cmap="viridis_r", interpolation="nearest", vmin=1)
    if table.size <= 144:
        for (place, layer), value in np.ndenumerate(table):
            if np.isfinite(value):
                dark = value > 0.55 * np.nanmax(table)
                color = "white" if dark else "black"
                axes.text(layer, place, f"{value:.0f}", ha="center", va="center", color=color)
    else:
        axes.figure.colorbar(shown, ax=axes, label="rank")
    if len(kinds) <= _MOST_NAMES:
        axes.set_yticks(range(len(kinds)), [kind.rsplit("*.", 1)[-1][-28:] for kind in kinds])
    axes.set_xticks(sorted({0, most - 1}), [str(n + 1) for n in sorted({0, most - 1})])
    axes.set_xlabel("Which of its kind, in the model's order")
    axes.set_title(f"Rank for {100 * HEADLINE:g} % of a module's energy", loc="left")
