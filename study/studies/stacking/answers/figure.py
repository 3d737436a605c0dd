"""Each task's accuracy with its adapter alone, with the other's, and with both added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from study.pages.figures import style
from study.pages.figures.text import below
from study.words.phrases import counted, listed, percent

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_OWN = style.Look(style.BLUE, "o", style.SOLID)
_MEAN = style.Look(style.ORANGE, "D", style.SOLID)
_OTHER = style.Look(style.GREY, "^", style.SOLID)
_ASIDE = 0.2  # of a combination's line, between two heads
TASKS = ("first", "second")


def draw(record: Record) -> Figure:
    """Draw `stacking/metrics/stacking.json`: a panel a task, a line a combination."""
    rows = record["rows"]
    figure = Figure(figsize=(style.WIDTH, 1.9 + 0.36 * len(rows)), layout="constrained")
    figure.suptitle("Two adapters in one model", x=0.01, ha="left")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, task, name in zip(panels, TASKS, record["tasks"], strict=True):
        _panel(axes, rows, task)
        axes.set_title(name, loc="left", color=style.GREY)
        axes.set_xlabel("Test accuracy (%)")
    names = [combination(row, record["tasks"]).replace(", ", ",\n") for row in rows]
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    below(figure, panels[0], _intervals(record))
    return figure


def combination(row: Row, tasks: Sequence[str]) -> str:
    """Name a combination for people."""
    first, second = (f"{weight:g}" for weight in row["weights"])
    if row["kind"] == "alone":
        return f"{tasks[0] if row['weights'][0] else tasks[1]} alone"
    together = f"{first} × first + {second} × second"
    if row["kind"] == "truncated":
        return f"{together}, cut to one's rank"
    if row["kind"] == "selected":
        return f"{together}, second in {row['part']} only"
    return together


def caption(record: Record) -> str:
    """Say what there is to see."""
    sentences = []
    whole = _whole(record)
    for task, name, alone in zip(TASKS, record["tasks"], _alone(record), strict=True):
        other = next(row for row in _alone(record) if row is not alone)
        crossed = other[task][_own(other)]["mean"]
        sentences.append(
            f"On {name} its own adapter scores {percent(alone[task][task]['mean'])}, the other "
            f"task's {percent(crossed)}, and the sum of both "
            f"({combination(whole, record['tasks'])}) "
            f"{percent(whole[task][task]['mean'])} with its own head and "
            f"{percent(whole[task]['mean']['mean'])} with the mean of the two heads"
        )
    others = [
        f"{name} alone {percent(row['both']['mean'])}"
        for name, row in zip(record["tasks"], _alone(record), strict=True)
    ]
    sentences.append(
        f"On both together, with one head, that sum scores {percent(whole['both']['mean'])}, "
        f"{listed(others)}"
    )
    return ". ".join(sentences) + "."


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    each = []
    for row in record["rows"]:
        cells = [
            f"{percent(row[task][task]['mean'])} on {name}"
            for task, name in zip(TASKS, record["tasks"], strict=True)
        ]
        each.append(f"{combination(row, record['tasks'])}: {listed(cells)}")
    return (
        "Test accuracy of every combination on either task, with intervals; under the task's own "
        f"head {'; '.join(each)}. {_intervals(record)}."
    )


def _alone(record: Record) -> list[Row]:
    return [row for row in record["rows"] if row["kind"] == "alone"]


def _whole(record: Record) -> Row:
    sums = [row for row in record["rows"] if row["kind"] == "sum"]
    return max(sums, key=lambda row: sum(row["weights"]))


def _own(row: Row) -> str:
    """Return the head that belongs to an adapter alone."""
    return TASKS[0] if row["weights"][0] else TASKS[1]


def _panel(axes: Axes, rows: Sequence[Row], task: str) -> None:
    other = TASKS[1 - TASKS.index(task)]
    for head, look, label, aside in (
        (task, _OWN, "the task's own head", 0),
        ("mean", _MEAN, "mean of the heads", 1),
        (other, _OTHER, "the other task's head", -1),
    ):
        places = [i for i, row in enumerate(rows) if head in row[task]]
        cells = [rows[i][task][head] for i in places]
        means = [cell["mean"] for cell in cells]
        axes.errorbar(
            means,
            [place + _ASIDE * aside for place in places],
            xerr=[
                [max(0.0, c["mean"] - _or(c["low"], c["mean"])) for c in cells],
                [max(0.0, _or(c["high"], c["mean"]) - c["mean"]) for c in cells],
            ],
            color=look.color,
            marker=look.marker,
            linestyle="none",
            linewidth=1,
            capsize=2,
            markersize=4,
            label=label,
        )
    (own,) = (row[task][task] for row in rows if row["kind"] == "alone" and _own(row) == task)
    axes.axvline(
        own["mean"],
        color=_OWN.color,
        linestyle=style.DOTTED,
        linewidth=1,
        zorder=1,
        label="the task's adapter alone",
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))
    axes.grid(axis="x")


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _intervals(record: Record) -> str:
    first, second = record["sentences"]
    over = f"{counted(first, 'test sentence')} of either task"
    if first != second:
        over = f"{first:,} and {second:,} test sentences of the two tasks"
    seeds = len(record["seeds"])
    start = f"{100 * record['confidence']:g} % intervals over"
    if seeds == 1:
        return f"One seed; {start} {over} alone"
    return f"Mean of {seeds} seeds; {start} seeds and {over}"
