"""What the rules of thumb would have picked, beside the rank that the study recommends."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analyses.rules_of_thumb.record import CANNOT_BE_TOLD, RIGHT, TOO_SMALL
from study.pages.figures import style
from study.pages.figures.axes import rank_axis
from study.pages.figures.text import below, spread
from study.words.phrases import counted, listed, percent

Record = Mapping[str, Any]

_LOOKS = {
    RIGHT: style.Look(style.GREEN, "o", style.SOLID),
    "too large": style.Look(style.VERMILLION, "s", style.SOLID),
    TOO_SMALL: style.Look(style.BLUE, "^", style.SOLID),
    CANNOT_BE_TOLD: style.Look(style.GREY, "D", style.SOLID),
}
_LABEL = 34  # characters of a line of a rule's name
_LINE = 0.46  # inches a rule
_WIDTH = 230  # points: of the axes, about
_RANGE: Mapping[str, Any] = {"linewidth": 2, "marker": "|", "markersize": 11, "markeredgewidth": 2}
_NOTE = 92  # characters of a line of the words below
_NAME = 40  # points: of the name of a rank that was measured


def draw(record: Record) -> Figure:
    """Draw `metrics/rules_of_thumb.json`: a line a rule, its pick over the ranks."""
    rules = record["rules"]
    figure = Figure(figsize=(style.WIDTH, 1.9 + _LINE * len(rules)), layout="constrained")
    figure.suptitle("What the rules of thumb would have picked", x=0.01, ha="left")
    axes = figure.subplots()
    for place, rule in enumerate(rules):
        kind = _kind(rule["verdict"])
        _pick(axes, place, rule)
        axes.text(
            1.02,
            place,
            textwrap.fill(rule["verdict"].replace("by a factor of ", "× "), 18),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=_LOOKS[kind].color,
        )
    axes.set_yticks(
        range(len(rules)),
        [textwrap.fill(rule["rule"], _LABEL, break_on_hyphens=False) for rule in rules],
        linespacing=0.95,
    )
    axes.set_ylim(len(rules) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    rank_axis(axes, _ticks(record), _WIDTH)
    _measured(axes, record["measured"])
    axes.set_xlabel("Rank (log scale)")
    _legend(axes, rules)
    below(figure, axes, "\n".join(textwrap.wrap(_words(record), _NOTE)))
    return figure


def _words(record: Record) -> str:
    """Say what points, bars and lines are, of those that are drawn."""
    measured = record["measured"]
    words = (
        "Points: what a rule picks. The verdict rounds it up to a rank that was trained, if one is "
        "as large. Pale bars: from the lowest to the highest matrix."
    )
    if measured["recommended"] is not None:
        words += f" Solid line: the rank that {measured['split']} recommends."
    if any(rank is not None for rank in measured["equivalent"].values()):
        words += (
            " Dotted lines: the smallest rank shown to be equivalent to full fine-tuning within so "
            "many points (±)."
        )
    return words


def _legend(axes: Axes, rules: Sequence[Mapping[str, Any]]) -> None:
    """Name the markers that are drawn, and the bar of a range."""
    picked = [rule for rule in rules if rule["rank"] is not None]
    for kind in dict.fromkeys(_kind(rule["verdict"]) for rule in picked):
        look, label = _LOOKS[kind], kind[0].upper() + kind[1:]
        axes.plot([], [], marker=look.marker, color=look.color, linestyle="none", label=label)
    if any(rule["range"] for rule in rules):
        axes.plot([], [], color=style.GREY, **_RANGE, label="Any rank from end to end")


def caption(record: Record) -> str:
    """Say what there is to see."""
    measured = record["measured"]
    rank, chosen = measured["recommended"], measured.get("chosen_in")
    counts = {
        kind: sum(_kind(rule["verdict"]) == kind for rule in record["rules"]) for kind in _LOOKS
    }
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    held = "No rank is recommended that they could be compared with"
    if rank is not None:
        on = measured["split"]
        held = f"They are compared with rank {rank}, which the study recommends on {on}"
        if chosen is not None:
            held += f" (in {percent(chosen)} of resamples of the data it would do so again)"
    words = f"Of {counted(len(record['rules']), 'rule')} of thumb: {listed(parts)}. {held}."
    large = [rule for rule in record["rules"] if _kind(rule["verdict"]) == "too large"]
    if large:
        worst = max(large, key=lambda rule: rule["numbers"]["factor"])
        words += f" Farthest off is “{worst['rule']}”: it picks rank {worst['rank']}."
    none = [margin for margin, rank in measured["equivalent"].items() if rank is None]
    if none:
        words += (
            " We cannot say of any rank that it is within "
            f"{listed(none, 'or')} points of full fine-tuning."
        )
    return words


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    picks = "; ".join(f"{rule['rule']}: {_picked(rule)}" for rule in record["rules"])
    return f"One line for each rule, with its pick on an axis of ranks. {caption(record)} {picks}."


def _picked(rule: Mapping[str, Any]) -> str:
    rank = "none" if rule["rank"] is None else str(rule["rank"])
    return f"{'the range' if rule['range'] else rank}, {rule['verdict']}"


def _kind(verdict: str) -> str:
    return next(kind for kind in _LOOKS if verdict.startswith(kind))


def _pick(axes: Axes, place: int, rule: Mapping[str, Any]) -> None:
    look = _LOOKS[_kind(rule["verdict"])]
    ends = [rule["low"], rule["high"]]
    if rule["range"]:
        axes.plot(ends, [place, place], color=look.color, **_RANGE)
    elif rule["rank"] is not None:
        axes.plot(ends, [place, place], color=look.color, linewidth=3, alpha=0.4)
        axes.plot(rule["rank"], place, marker=look.marker, color=look.color, markersize=7)


def _measured(axes: Axes, measured: Mapping[str, Any]) -> None:
    """Draw the ranks that were measured, each named above its line."""
    names: dict[int, list[str]] = {}
    recommended = measured["recommended"]
    if recommended is not None:
        names[recommended] = [f"rank {recommended}"]
    for margin, rank in measured["equivalent"].items():
        if rank is not None:
            names.setdefault(rank, []).append(f"±{margin}")
    for rank in names:
        main = rank == recommended
        axes.axvline(
            rank,
            color=style.BLACK if main else style.GREY,
            linestyle=style.SOLID if main else style.DOTTED,
            linewidth=1.2,
            zorder=0.5,
        )
    low, high = (math.log2(limit) for limit in axes.get_xlim())
    apart = _NAME * (high - low) / _WIDTH
    places = spread([math.log2(rank) for rank in names], apart, low, high)
    for place, words in zip(places, names.values(), strict=True):
        axes.text(
            2**place,
            1.01,
            "\n".join(words),
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            linespacing=1.1,
        )


def _ticks(record: Record) -> list[int]:
    """Return powers of two from the least to the largest rank in the picture."""
    seen = [record["measured"]["recommended"], *record["measured"]["equivalent"].values()]
    for rule in record["rules"]:
        seen += [rule["low"], rule["rank"], rule["high"]]
    ranks = [rank for rank in seen if rank is not None]
    last = max(ranks, default=1)
    return [2**power for power in range(last.bit_length() + 1) if 2**power < 2 * last]
