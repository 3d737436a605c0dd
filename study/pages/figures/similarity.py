"""Do two runs learn the same subspace? By how many directions are compared, with the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.pages.figures.text import below
from study.pages.figures.whiskers import draw_middles
from study.words.phrases import share

Record = Mapping[str, Any]
Row = Mapping[str, Any]
Lines = dict[str, dict[int, list[float]]]

_LOOKS = (
    style.Look(style.VERMILLION, "s", style.DASHED),
    style.Look(style.BLUE, "o", style.SOLID),
    style.Look(style.ORANGE, "D", style.DASH_DOTTED),
    style.Look(style.GREEN, "^", style.DOTTED),
)
_SIDES = {"input": "Input side", "output": "Output side"}
_APART = 0.12  # octaves between the bars of two lines


def draw(record: Record) -> Figure:
    """Draw `metrics/spectra.json`: the matrices that LoRA adapts."""
    figure = Figure(figsize=(style.WIDTH, 4.2), layout="constrained")
    figure.suptitle("Do two runs learn the same directions?", x=0.01, ha="left")
    all_axes = figure.subplots(1, 2, sharey=True)
    sizes: set[int] = set()
    for axes, (side, title) in zip(all_axes, _SIDES.items(), strict=True):
        lines = _lines(record, side)
        for place, ((name, values), look) in enumerate(zip(lines.items(), _LOOKS, strict=False)):
            beside = 2 ** (_APART * (place - (len(lines) - 1) / 2))
            draw_middles(axes, [k * beside for k in values], list(values.values()), look, name)
            sizes |= set(values)
        floors = _floors(record, side)
        axes.plot(list(floors), list(floors.values()), color=style.GREY, linewidth=1.2, marker="_")
        axes.fill_between(
            list(floors), 0, list(floors.values()), color=style.GREY, alpha=0.2, linewidth=0
        )
        sizes |= set(floors)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_xlabel("Directions k (log scale)")
        axes.plot([], [], color=style.GREY, linewidth=1.2, label="Two random subspaces")
    for axes in all_axes:
        rank_axis(axes, sorted(sizes or {1}), 220)
    all_axes[0].set_ylim(0, 1.02)
    all_axes[0].set_ylabel("Similarity φ(k, k)")
    below(figure, all_axes[0], "Mean over adapted matrices; bars: lowest to highest matrix.")
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    words = [
        "How much of their k strongest directions two runs share: 1 is all of them, and the grey "
        "line is what two random runs share by chance."
    ]
    lines, floors = _lines(record, "input"), _floors(record, "input")
    for name, values in lines.items():
        if "two seeds" in name:
            rank = None if name.startswith("Full") else record["settings"]["ranks"][-1]
            k, held = _where_the_energy_is(record, rank, sorted(values))
            chance = f"{floors[k]:.{_digits(floors[k])}f}"
            words.append(
                f"{name}: {np.mean(values[k]):.2f} on the input side for the first {k}, which hold "
                f"{share(held)} of the update; chance alone gives {chance}."
            )
    if len(record["settings"]["seeds"]) == 1:
        words.append("With one seed, seeds cannot be compared.")
    else:
        words.append(
            "More than chance does not mean that a task was learned: runs that learn nothing begin "
            f"at the same weights, and share directions too.{_control(record)}"
        )
    return " ".join(words)


def _control(record: Record) -> str:
    """Say what full fine-tuning's seeds share where labels mean nothing, if that was trained."""
    found = record["controls"].get("shuffled_labels")
    if found is None:
        return ""
    task, shuffled = (f"{np.mean(found[key]):.2f}" for key in ("task", "shuffled"))
    return (
        f" Of their strongest direction two seeds of full fine-tuning share {task} with the task's "
        f"labels and {shuffled} with shuffled ones (mean over all matrices, inputs and outputs)."
    )


def _where_the_energy_is(
    record: Record, rank: int | None, sizes: Sequence[int]
) -> tuple[int, float]:
    """Return how many directions to compare, and which share of an update they hold.

    As many as hold the share of its squared norm that `spectra.energy` names, mean over matrices
    and seeds, rounded up to a number that was compared. What lies beyond them is hardly there, and
    its likeness says little of the update.

    Args:
        rank: of LoRA; None: full fine-tuning. sizes: that were compared, ascending.
    """
    rows = [row for row in record["full"] if row["target"]]
    if rank is not None:
        rows = [row for row in record["lora"] if row["rank"] == rank]
    rows = [row for row in rows if row["norm"]]
    wanted = math.ceil(np.mean([row["energy_rank"] for row in rows]))
    k = next((size for size in sizes if size >= wanted), sizes[-1])
    return k, float(np.mean([row["energy"][str(k)] for row in rows]))


def _digits(floor: float) -> int:
    """Return the decimals that a floor takes to be seen."""
    return 2 if floor >= 0.01 else 3


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    parts = []
    for side, title in _SIDES.items():
        for name, values in _lines(record, side).items():
            ends = [f"{np.mean(values[k]):.2f} at k = {k}" for k in (min(values), max(values))]
            parts.append(f"{title.lower()}, {name}: {' and '.join(dict.fromkeys(ends))}")
    return f"Two panels of similarity by number of directions. {'; '.join(parts)}."


def _lines(record: Record, side: str) -> Lines:
    """Return each line's values by k, one a matrix; without what the seed alone makes alike."""
    ranks = record["settings"]["ranks"]
    largest, before = ranks[-1], ranks[-2] if len(ranks) > 1 else None
    targets = {row["module"] for row in record["full"] if row["target"]}
    seeds = [r for r in record["similarity"]["between_seeds"] if r["side"] == side]
    pairs = [r for r in record["similarity"]["between_ranks"] if r["side"] == side]
    found = {
        "Full, two seeds": [r for r in seeds if r["arm"] == "full" and r["module"] in targets],
        f"LoRA r = {largest}, two seeds": [r for r in seeds if r["rank"] == largest],
        f"LoRA r = {before} and {largest}": [
            r
            for r in pairs
            if (r["rank"], r["other"]) == (before, largest) and not r.get("same_start")
        ],
        f"LoRA r = {largest} and full": [
            r for r in pairs if (r["rank"], r["other"]) == (largest, None)
        ],
    }
    return {name: _by_size(rows) for name, rows in found.items() if rows}


def _by_size(rows: Sequence[Row]) -> dict[int, list[float]]:
    values: dict[int, list[float]] = {}
    for row in rows:
        for k, value in zip(row["k"], row["similarity"], strict=True):
            values.setdefault(k, []).append(value)
    return dict(sorted(values.items()))


def _floors(record: Record, side: str) -> dict[int, float]:
    """Return the floor by k, of the matrices that LoRA adapts: the highest of them."""
    targets = {row["module"] for row in record["full"] if row["target"]}
    floors: dict[int, float] = {}
    for rows in record["similarity"].values():
        for row in rows:
            if row["side"] == side and row["module"] in targets:
                for k, floor in zip(row["k"], row["floor"], strict=True):
                    floors[k] = max(floor, floors.get(k, 0))
    return dict(sorted(floors.items()))
