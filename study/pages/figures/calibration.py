"""Reliability: is a prediction right as often as the model is sure of it?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from study.pages.figures import style
from study.pages.figures.text import below, interval_words
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.arms import arm_label
from study.words.phrases import capitalised, listed, points, tenths

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_COLUMNS = 4
_PANEL = 1.95  # inches: height of a row of panels


def draw(record: Record) -> Figure:
    """Draw the calibration of `metrics/agreement.json`: a panel for each arm."""
    arms = record["calibration"]
    columns = min(_COLUMNS, len(arms))
    lines = math.ceil(len(arms) / columns)
    figure = Figure(figsize=(style.WIDTH, 1.0 + _PANEL * lines), layout="constrained")
    figure.suptitle("Accuracy of predictions by confidence", x=0.01, ha="left")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    bins = [one for arm in arms for one in arm["bins"]]
    left = min(one["confidence"] for one in bins)
    room = max(0.06 * (1 - left), 0.005)
    low = min(left, *(one["low"] for one in bins))
    for place, axes in enumerate(grid.flat):
        if place >= len(arms):
            axes.set_visible(False)
            continue
        _panel(axes, arms[place])
        axes.set_xlim(left - room, 1 + room)
        axes.set_ylim(low - room, 1 + room)
        if place + columns >= len(arms):  # nothing stands below it
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("Confidence (%)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Accuracy (%)")
    below(figure, grid[0, 0], f"{_words(record)}; ECE in points")
    style.settle(figure)
    return figure


def _words(record: Record) -> str:
    """Say what the points are: bins hold the predictions of all seeds."""
    seeds = len(record["seeds"])
    words = interval_words(record)
    return (
        words if seeds == 1 else words.replace(f"Mean of {seeds} seeds", f"{seeds} seeds together")
    )


def _panel(axes: Axes, arm: Row) -> None:
    look = style.ARMS[arm["arm"]]
    bins = arm["bins"]
    axes.plot(
        [0, 1],
        [0, 1],
        color=style.BLACK,
        linewidth=0.8,
        linestyle=style.DASHED,
        label="Calibrated: as often right as sure",
    )
    accuracy = [one["accuracy"] for one in bins]
    axes.errorbar(
        [one["confidence"] for one in bins],
        accuracy,
        yerr=[
            [max(0, one["accuracy"] - one["low"]) for one in bins],
            [max(0, one["high"] - one["accuracy"]) for one in bins],
        ],
        color=look.color,
        marker=look.marker,
        markersize=3.5,
        linewidth=1,
        elinewidth=0.8,
        capsize=2,
        label="Predictions, in bins of equal number",
    )
    said = f"ECE {100 * arm['ece']:.1f}; chance {100 * arm['ece_by_chance']['mean']:.1f}"
    axes.set_title(f"{arm_label(arm['arm'], arm['rank'])}\n{said}", loc="left")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(_in_percent))


def _in_percent(fraction: float, _: int | None = None) -> str:
    return f"{100 * fraction:.6g}" if -1e-9 <= fraction <= 1 + 1e-9 else ""


def caption(record: Record) -> str:
    """Say what there is to see."""
    arms = {(arm["arm"], arm["rank"]): arm for arm in record["calibration"]}
    full = arms[FULL, None]
    lora = [arm["ece"] for (name, _), arm in arms.items() if name == LORA]
    least, most = tenths(min(lora)), tenths(max(lora))
    between = points(max(lora)) if least == most else f"{least} to {points(max(lora))}"
    return (
        "A point below the dashed line means that the model is surer than it is right. On average, "
        f"confidence and accuracy lie {points(full['ece'])} apart with full fine-tuning and "
        f"{between} with LoRA (expected calibration error); chance alone would give "
        f"{_chance(record)}. {_verdicts(record)}. Each is tested by itself."
    )


def _chance(record: Record) -> str:
    values = [arm["ece_by_chance"]["mean"] for arm in record["calibration"]]
    least, most = tenths(min(values)), tenths(max(values))
    return points(max(values)) if least == most else f"{least} to {points(max(values))}"


def _verdicts(record: Record) -> str:
    """Group the arms by what was found of them."""
    by_verdict: dict[str, list[Row]] = {}
    for arm in record["calibration"]:
        by_verdict.setdefault(arm["verdict"], []).append(arm)
    found = [f"{_names(arms)}: {verdict}" for verdict, arms in by_verdict.items()]
    return ". ".join(map(capitalised, found))


def _names(arms: Sequence[Row]) -> str:
    ranks = [arm["rank"] for arm in arms if arm["arm"] == LORA]
    named = [f"rank{'s' * (len(ranks) > 1)} {listed(ranks)}"] if ranks else []
    of = {arm["arm"] for arm in arms}
    named = ["the head alone"] * (HEAD_ONLY in of) + named + ["full fine-tuning"] * (FULL in of)
    return listed(named)


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    arms = [
        f"{arm_label(arm['arm'], arm['rank'])}: mean confidence {_sign(arm['overconfidence'])} "
        f"accuracy, calibration error {points(arm['ece'])}"
        for arm in record["calibration"]
    ]
    return (
        "Reliability diagrams, one for each method: accuracy of predictions against confidence, in "
        f"bins of equal number, with intervals. {'; '.join(arms)}. {interval_words(record)}."
    )


def _sign(difference: float) -> str:
    return f"{points(difference)} {'above' if difference >= 0 else 'below'}"
