"""What updates amplify: their size against what the pretrained weight does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.pages.figures.text import below
from study.pages.figures.whiskers import draw_middles
from study.records.arm_names import FULL, LORA
from study.words.phrases import capitalised, significant

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_CLOSE = 2.0  # times, either way: what counts as close to random
_OWN = style.Look(style.BLACK, "v", style.DASH_DOTTED)
_RANDOM = style.Look(style.GREY, "^", style.DOTTED)
_NAMES = {
    "lora": ("LoRA's directions", style.ARMS["lora"]),
    "full": ("Full fine-tuning's", style.ARMS["full"]),
    "own": ("W0's own top r", _OWN),
    "random": ("Random", _RANDOM),
}


def draw(record: Record) -> Figure:
    """Draw `metrics/spectra.json`: the matrices that LoRA adapts."""
    figure = Figure(figsize=(style.WIDTH, 4.0), layout="constrained")
    figure.suptitle("Does the update amplify what is there already?", x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    lora, full = _rows(record, "lora"), _rows(record, "full")
    for key, rows, value in (
        ("lora", lora, "on_update"),
        ("full", full, "on_update"),
        ("own", full, "on_own"),
        ("random", full, "on_random"),
    ):
        _line(left, rows, value, key)
    for key, rows, value in (
        ("lora", lora, "factor"),
        ("full", full, "factor"),
        ("own", lora, "factor_own"),
        ("random", lora, "factor_random"),
    ):
        _line(right, rows, value, key)
    left.set_title("W0 between those directions", loc="left", fontweight="bold")
    left.set_ylabel("Norm of Uᵀ W0 V (log scale)")
    right.set_title("The update, over that norm", loc="left", fontweight="bold")
    right.set_ylabel("Amplification (log scale)")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        rank_axis(axes, record["settings"]["ranks"], 200)
        axes.set_xlabel("Directions r (log scale)")
    below(
        figure,
        left,
        "Median over adapted matrices; bars: lowest to highest. Controls at right divide the\n"
        "norm of LoRA's update by W0's between W0's own top directions, and between random ones.",
    )
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    words = [
        f"{'LoRA' if arm == LORA else 'full fine-tuning'}'s update is "
        f"{significant(_middle(rows, 'factor'))} times as large as what the pretrained weight W0 "
        f"does in the same directions ({significant(_middle(rows, 'factor_random'))} times in "
        f"random ones), and {significant(_middle(rows, 'factor_own'))} times what "
        f"W0 does in its own strongest ones. To W0, the update's directions are "
        f"{_beside_random(rows)}"
        for arm in (LORA, FULL)
        if (rows := _first(record, arm))
    ]
    if not words:
        return "No update to look at."
    least = min(row["rank"] for row in record["amplification"])
    return (
        f"At r = {least}, medians over matrices. {'. '.join(map(capitalised, words))}. So far as "
        "random directions give as much, the number tells how large the update is, and not that it "
        "amplifies what was there."
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    return (
        "Two panels over the number of directions. Left: the norm of the pretrained weight "
        "between the directions of LoRA's updates, of full fine-tuning's, its own top ones and "
        f"random ones. Right: the update's norm over it. {caption(record)}"
    )


def _beside_random(rows: Sequence[Row]) -> str:
    """Say how much more W0 does between an update's directions than between random ones."""
    ratios = [row["on_update"] / row["on_random"] for row in rows if row["on_random"]]
    if not ratios:
        return "not to be compared with random ones"
    middle, least, most = (significant(float(of(ratios))) for of in (np.median, np.min, np.max))
    spread = "" if least == most else f", {least} to {most} by matrix"
    near = 1 / _CLOSE <= float(np.median(ratios)) <= _CLOSE
    return (
        f"{'close to' if near else 'unlike'} random ones (it does {middle} times as much in "
        f"them{spread})"
    )


def _rows(record: Record, arm: str) -> list[Row]:
    targets = {row["module"] for row in record["full"] if row["target"]}
    return [r for r in record["amplification"] if r["arm"] == arm and r["module"] in targets]


def _line(axes: Axes, rows: Sequence[Row], value: str, key: str) -> None:
    by_rank: dict[int, list[float]] = {}
    for row in rows:
        if row[value]:
            by_rank.setdefault(row["rank"], []).append(row[value])
    if not by_rank:
        return
    name, look = _NAMES[key]
    values = list(by_rank.values())
    draw_middles(
        axes, list(by_rank), values, look, name, bars=key in ("lora", "full"), middle=np.median
    )


def _first(record: Record, arm: str) -> list[Row]:
    """Return an arm's rows at the smallest rank."""
    rows = _rows(record, arm)
    least = min((row["rank"] for row in rows), default=0)
    return [row for row in rows if row["rank"] == least and row["factor"]]


def _middle(rows: Sequence[Row], key: str) -> float:
    return float(np.median([row[key] for row in rows]))
