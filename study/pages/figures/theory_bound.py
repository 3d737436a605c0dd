"""The linear model: what a rank can reach, what training reaches, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.pages.figures.text import SEEDS, below
from study.pages.figures.theory_rows import (
    BOUND,
    FITTED,
    FORMULA,
    LEARNED,
    POPULATION,
    TRAIN,
    TRUNCATION,
)
from study.words.phrases import listed, share

Row = Mapping[str, Any]

_TITLES = {"isotropic": "Isotropic inputs", "anisotropic": "Anisotropic inputs"}
_LABELS = {
    TRAIN: "Loss on the sample\n(squared error)",
    POPULATION: "Risk in population\n(squared error)",
}
_MET = 0.001  # of the bound: what is no farther from it meets it
SERIES = {
    BOUND: ("Exact bound", style.Look(style.BLACK, "", style.SOLID)),
    TRUNCATION: (
        "Plain truncation of the SVD of W* − W0",
        style.Look(style.VERMILLION, "", style.DASHED),
    ),
    FITTED: ("Best fit to the sample", style.Look(style.GREEN, "", style.DASH_DOTTED)),
    FORMULA: ("Best fit, by its formula", style.Look(style.GREEN, "", style.DOTTED)),
    LEARNED: ("Learned B A", style.Look(style.BLUE, "o", style.SOLID)),
}


def draw(rows: Sequence[Row]) -> Figure:
    """Draw `plots/theory_bound.json`: a row of panels per quantity, a column per kind of input."""
    kinds = list(dict.fromkeys(row["input"] for row in rows))
    rows = [row for row in rows if row["rank"] > 0]  # rank 0, no update, has no place on a log axis
    largest = max(row["rank"] for row in rows)
    ranks = sorted({row["rank"] for row in rows if row["series"] == LEARNED})
    figure = Figure(figsize=(style.WIDTH, 5.6), layout="constrained")
    figure.suptitle("Linear model: learned against the exact bound", x=0.01, ha="left")
    grid = figure.subplots(2, len(kinds), sharex=True, sharey="row", squeeze=False)
    for quantity, line in zip(_LABELS, grid, strict=True):
        for kind, axes in zip(kinds, line, strict=True):
            for series in SERIES:
                wanted = (kind, quantity, series)
                shown = [r for r in rows if (r["input"], r["quantity"], r["series"]) == wanted]
                _series(axes, shown)
        line[0].set_ylabel(_LABELS[quantity])
    for kind, axes in zip(kinds, grid[0], strict=True):
        axes.set_title(_TITLES.get(kind, kind), loc="left", fontweight="bold")
    for axes in grid[1]:
        rank_axis(axes, [1, *ranks, largest], 190, keep=ranks)
        axes.set_xlabel("Rank (log scale)")
    below(figure, grid[1, 0], SEEDS)
    return figure


def caption(rows: Sequence[Row]) -> str:
    """Say what there is to see."""
    kinds = list(dict.fromkeys(row["input"] for row in rows))
    above = max(_excess(rows, kind, TRAIN, LEARNED) for kind in kinds)
    reached = "less than 0.1 %" if above < _MET else f"up to {share(above)}"
    best = [f"{_best_rank(rows, kind)} on {kind}" for kind in kinds]
    return (
        f"On a linear model the best that a rank can do is known exactly. Training gets there: the "
        f"loss of B A ends {reached} above it. Cutting the true change down by its SVD, without "
        f"looking at the inputs, {_truncation(rows, kinds)}. Fitted to a limited sample, the best "
        f"rank for new inputs is {listed(best)} inputs."
    )


def _truncation(rows: Sequence[Row], kinds: Sequence[str]) -> str:
    """Say by how much it misses the bound on the risk, by kind of inputs."""
    excess = {kind: _excess(rows, kind, POPULATION, TRUNCATION) for kind in kinds}
    words = [
        f"is as good as the best on {kind} inputs"
        if above < _MET
        else f"errs up to {share(above)} more than the best on {kind} inputs"
        for kind, above in excess.items()
    ]
    return listed(words)


def alternative(rows: Sequence[Row]) -> str:
    """Tell what is drawn to someone who cannot see it."""
    kinds = list(dict.fromkeys(row["input"] for row in rows))
    ranks = sorted({row["rank"] for row in rows if row["series"] == LEARNED})
    return (
        f"Squared error of a linear model by rank, with {listed(kinds)} inputs: loss on the sample "
        f"above, risk in population below. Lines are the exact bound, plain truncation and the "
        f"best fit to the sample; circles are B A as trained at rank {listed(ranks)}."
    )


def _excess(rows: Sequence[Row], kind: str, quantity: str, series: str) -> float:
    """Return by how much, as a share of it, a series lies above the bound at most."""
    of = {
        (row["series"], row["rank"]): row["value"]
        for row in rows
        if (row["input"], row["quantity"]) == (kind, quantity)
    }
    found = [of[one, rank] / of[BOUND, rank] - 1 for one, rank in of if one == series]
    return float(max(0.0, *found))


def _best_rank(rows: Sequence[Row], kind: str) -> int:
    wanted = (kind, POPULATION, FITTED)
    fitted = [row for row in rows if (row["input"], row["quantity"], row["series"]) == wanted]
    return int(min(fitted, key=lambda row: row["value"])["rank"])


def _series(axes: Axes, rows: Sequence[Row]) -> None:
    if not rows:
        return
    label, look = SERIES[rows[0]["series"]]
    values = [row["value"] for row in rows]
    if rows[0]["series"] == LEARNED:
        axes.errorbar(
            [row["rank"] for row in rows],
            values,
            yerr=[
                [row["value"] - row["low"] for row in rows],
                [row["high"] - row["value"] for row in rows],
            ],
            color=look.color,
            linestyle="none",
            marker=look.marker,
            markerfacecolor="white",
            markersize=6,
            capsize=3,
            label=label,
            zorder=4,
        )
        return
    axes.plot(
        [row["rank"] for row in rows],
        values,
        color=look.color,
        linestyle=look.dashes,
        label=label,
    )
