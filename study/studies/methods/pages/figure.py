"""Every method's difference to full fine-tuning, paired, and how many numbers it trains.

The intervals are of the differences: those of two accuracies apart may meet where the paired
difference is told from 0. The accuracies stand beside the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.text import below, interval_words, short_count
from study.records.arm_names import FULL, HEAD_ONLY
from study.studies.methods.settings import LORA_VARIANTS
from study.words.phrases import apart, capitalised, listed, share
from study.words.scores import measure_of, merit, shown

Record = Mapping[str, Any]

_OTHER = style.Look(style.GREEN, "D", style.SOLID)
_LEGEND = {"lora": "LoRA and its variants", "other": "other methods"}


def draw(record: Record) -> Figure:
    """Draw `methods/metrics/comparison.json`: a line for each method, the best on top."""
    rows = _ranked(record)
    figure = Figure(figsize=(style.WIDTH, 1.7 + 0.29 * len(rows)), layout="constrained")
    figure.suptitle(
        f"{capitalised(_measured(record))} beside full fine-tuning, and trained parameters, by "
        "method",
        x=0.01,
        ha="left",
    )
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (3, 2)})
    left.axvline(0, color=style.ARMS["full"].color, linewidth=1, linestyle=style.DASHED, zorder=1)
    for place, row in enumerate(rows):
        _line(left, right, place, row, label=_first_of_its_kind(place, rows))
    left.set_yticks(range(len(rows)), [f"{row['label']}  {shown(row)}" for row in rows])
    left.set_ylim(len(rows) - 0.5, -0.5)
    for axes in (left, right):
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    left.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    left.set_xlabel(f"Test {_measured(record)} less full fine-tuning's (points)")
    right.set_xscale("log")
    right.set_xlim(_limits([row["trainable_parameters"] for row in rows]))
    right.xaxis.set_major_locator(LogLocator(10, numticks=5))
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    right.xaxis.set_minor_formatter(NullFormatter())
    right.set_xlabel("Trainable parameters (log scale)")
    left.set_title(f"Beside the names: test {_measured(record)}", loc="left", color=style.GREY)
    below(figure, left, f"{interval_words(record)}, of the differences")
    return figure


def caption(record: Record) -> str:
    """Say what there is to see: which methods are told from LoRA and from full fine-tuning."""
    full = record["methods"][0]
    tuned = [row for row in _ranked(record) if row["name"] not in (FULL, HEAD_ONLY)]
    if not tuned:
        return f"Full fine-tuning reaches {shown(full)}."
    best = tuned[0]
    fewest = min(tuned, key=lambda row: row["trainable_parameters"])
    level = [row["label"] for row in tuned if _holds_zero(row["to_full"])]
    told = (
        f"We cannot say whether {listed(level, 'or')} {_differ(level)} from full fine-tuning."
        if level
        else "Each method that tunes few parameters differs from full fine-tuning."
    )
    return (
        f"{_beside_lora(record)}{told} Among the methods beside full fine-tuning, {best['label']} "
        f"scores highest: {shown(best)}, {_gap(best)}. {fewest['label']} trains "
        f"the fewest parameters: {fewest['trainable_parameters']:,}, or "
        f"{share(fewest['trainable_share'])} of all, and is {_gap(fewest)}. Two methods differ "
        f"where the interval of their difference lies on one side of 0; each is looked at by "
        f"itself."
    )


def _beside_lora(record: Record) -> str:
    """Say which arms are told from plain LoRA by the intervals, each by itself."""
    rows = [row for row in _ranked(record) if row.get("to_lora") is not None]
    others = [row for row in rows if row["name"] not in (FULL, HEAD_ONLY)]
    if not others:
        return ""
    apart_ = [row["label"] for row in rows if not _holds_zero(row["to_lora"])]
    if not apart_:
        return "We cannot say of anything here that it differs from LoRA. "
    if any(row["label"] in apart_ for row in others):
        return f"These differ from LoRA in {_measured(record)}: {listed(apart_)}. "
    return (
        "We cannot say of any other method that tunes few parameters that it is better or worse "
        f"than LoRA. {listed(apart_)} {_differ(apart_)} from it. "
    )


def _differ(labels: Sequence[str]) -> str:
    return "differs" if len(labels) == 1 else "differ"


def _holds_zero(gap: Record) -> bool:
    return bool(gap["low"] <= 0 <= gap["high"])


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    methods = [
        f"{row['label']} {shown(row)}{_interval(row)} with {row['trainable_parameters']:,}"
        for row in _ranked(record)
    ]
    return (
        f"Test {_measured(record)} of each method with the interval of its difference to full "
        f"fine-tuning, and its number of trainable parameters, best first: {listed(methods)}. "
        f"{interval_words(record)}."
    )


def _measured(record: Record) -> str:
    return measure_of(record["methods"][0]).words


def _ranked(record: Record) -> list[Record]:
    """Return the methods that were trained, the best first."""
    trained = [row for row in record["methods"] if "reason" not in row]
    return sorted(trained, key=lambda row: -merit(row))


def _gap(row: Record) -> str:
    return apart(row["to_full"]["difference"], "full fine-tuning")


def _kind(row: Record) -> str:
    if row["name"] in style.ARMS and row["name"] != "lora":
        return str(row["name"])
    return "lora" if row["name"] in LORA_VARIANTS else "other"


def _first_of_its_kind(place: int, rows: Sequence[Record]) -> str | None:
    """Return the legend's words for the first method of a kind, so that they stand there once."""
    kind = _kind(rows[place])
    return None if kind in map(_kind, rows[:place]) else _LEGEND.get(kind)


def _interval(row: Record) -> str:
    gap = row["to_full"]
    return "" if gap is None else f" ({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f} points)"


def _line(left: Axes, right: Axes, place: int, row: Record, label: str | None) -> None:
    look = style.ARMS.get(_kind(row), _OTHER)
    gap = row["to_full"] or {"difference": 0.0, "low": 0.0, "high": 0.0}
    middle, low, high = (100 * gap[key] for key in ("difference", "low", "high"))
    left.errorbar(
        [middle],
        [place],
        xerr=[[max(0.0, middle - low)], [max(0.0, high - middle)]] if row["to_full"] else None,
        color=look.color,
        marker=look.marker,
        linestyle="none",
        capsize=3,
        label=label,
    )
    right.plot(row["trainable_parameters"], place, color=look.color, marker=look.marker)


def _limits(parameters: Sequence[int]) -> tuple[float, float]:
    return min(parameters) / 2.5, max(parameters) * 2.5
