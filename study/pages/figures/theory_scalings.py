"""The linear model: how the scaling of alpha with the rank makes high ranks train, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.axes import percent_axis, rank_axis
from study.pages.figures.text import SEEDS, below
from study.pages.figures.theory_rows import GRADIENT, UNREACHED, UPDATE
from study.words.phrases import listed, share, significant

Row = Mapping[str, Any]

_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}
SCALINGS = {
    "fixed": ("α fixed: s = α / r", style.Look(style.VERMILLION, "s", style.DASHED)),
    "rslora": ("rsLoRA: s = α / √r", style.Look(style.GREEN, "^", style.DOTTED)),
    "proportional": ("α grows with r: s = α", style.Look(style.BLUE, "o", style.SOLID)),
}
_SHORT = {
    "fixed": "with α fixed",
    "rslora": "with rsLoRA",
    "proportional": "where α grows with the rank",
}


def draw(rows: Sequence[Row]) -> Figure:
    """Draw `plots/theory_scalings.json`: a row of panels per optimiser.

    The gradient at the first step knows no optimiser yet, and has one panel for all.
    """
    optimizers = list(dict.fromkeys(row["optimizer"] for row in rows))
    ranks = sorted({row["rank"] for row in rows})
    figure = Figure(figsize=(style.WIDTH, 1.4 + 1.9 * len(optimizers)), layout="constrained")
    figure.suptitle("Linear model: one learning rate, three scalings of alpha", x=0.01, ha="left")
    grid = figure.add_gridspec(len(optimizers), 3)
    lowest = []
    for line, optimizer in enumerate(optimizers):
        name = _OPTIMIZERS.get(optimizer, optimizer)
        of_optimizer = [row for row in rows if row["optimizer"] == optimizer]
        left, middle = (figure.add_subplot(grid[line, column]) for column in (0, 1))
        _panel(left, [row for row in of_optimizer if row["quantity"] == UNREACHED])
        _panel(middle, [row for row in of_optimizer if row["quantity"] == UPDATE])
        left.set_ylim(-0.04, max(1.04, *left.get_ylim()))
        percent_axis(left)
        left.set_ylabel("Gap to the bound\nstill open (%)")
        middle.set_ylabel("Norm of s B A")
        middle.set_ylim(bottom=0)
        left.set_title(name, loc="left", fontweight="bold")
        middle.set_title(name, loc="left", fontweight="bold")
        lowest = [left, middle]
    right = figure.add_subplot(grid[:, 2])
    of_first = [row for row in rows if row["optimizer"] == optimizers[0]]
    _panel(right, [row for row in of_first if row["quantity"] == GRADIENT])
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.yaxis.set_minor_formatter(NullFormatter())
    right.set_ylabel("Gradient norm at the first step (log scale)")
    right.set_title("Any optimiser", loc="left", fontweight="bold")
    for axes in figure.axes:
        rank_axis(axes, ranks, 118)
    for axes in [*lowest, right]:
        axes.set_xlabel("Rank (log scale)")
    below(figure, right, SEEDS)
    return figure


def caption(rows: Sequence[Row]) -> str:
    """Say what there is to see."""
    largest = max(row["rank"] for row in rows)
    left = []
    for optimizer in dict.fromkeys(row["optimizer"] for row in rows):
        shares = [
            f"{share(_value(rows, optimizer, scaling, UNREACHED, largest))} {name}"
            for scaling, name in _SHORT.items()
        ]
        left.append(f"{_OPTIMIZERS.get(optimizer, optimizer)} leaves {listed(shares)}")
    return (
        f"How much of the possible gain is still missing at rank {largest} after the same training "
        f"(one learning rate for all ranks and scalings): {'; '.join(left)}. {_gradients(rows)}"
    )


def _gradients(rows: Sequence[Row]) -> str:
    """Say how the first gradient changes from the smallest to the largest rank."""
    low, high = (found(row["rank"] for row in rows) for found in (min, max))
    if low == high:
        return "With one rank, the scalings differ by a constant factor alone."
    optimizer = rows[0]["optimizer"]
    factors = []
    for scaling, name in _SHORT.items():
        first, last = (_value(rows, optimizer, scaling, GRADIENT, rank) for rank in (low, high))
        factors.append(f"{significant(last / first)} {name}")
    return (
        f"From rank {low} to {high}, the gradient's norm at the first step is multiplied by "
        f"{listed(factors)}."
    )


def alternative(rows: Sequence[Row]) -> str:
    """Tell what is drawn to someone who cannot see it."""
    ranks = sorted({row["rank"] for row in rows})
    names = [_OPTIMIZERS.get(o, o) for o in dict.fromkeys(row["optimizer"] for row in rows)]
    return (
        f"Three scalings of alpha on a linear model at rank {listed(ranks)}: the gap to the bound "
        f"that is still open and the norm of the update after training with {listed(names)}, and "
        f"the gradient's norm at the first step."
    )


def _value(rows: Sequence[Row], optimizer: str, scaling: str, quantity: str, rank: int) -> float:
    wanted = (optimizer, scaling, quantity, rank)
    keys = ("optimizer", "scaling", "quantity", "rank")
    return float(next(row["value"] for row in rows if tuple(row[k] for k in keys) == wanted))


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    for scaling, (label, look) in SCALINGS.items():
        curve = [row for row in rows if row["scaling"] == scaling]
        axes.errorbar(
            [row["rank"] for row in curve],
            [row["value"] for row in curve],
            yerr=[
                [row["value"] - row["low"] for row in curve],
                [row["high"] - row["value"] for row in curve],
            ],
            color=look.color,
            linestyle=look.dashes,
            marker=look.marker,
            capsize=2,
            label=label,
        )
