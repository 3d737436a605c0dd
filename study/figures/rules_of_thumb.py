"""What the rules of thumb would have picked, beside the rank that was measured."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import style
from study.figures.axes import rank_axis
from study.figures.text import below, spread
from study.rules_of_thumb import CANNOT_BE_TOLD, RIGHT, TOO_SMALL
from study.words import listed, percent

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
_NAME = 27  # points: of the name of a measured rank


def draw(record: Record) -> Figure:
    """Draw `metrics/rules_of_thumb.json`: a line a rule, its pick over the ranks."""
    rules = record["rules"]
    figure = Figure(figsize=(style.WIDTH, 1.9 + _LINE * len(rules)), layout="constrained")
    figure.suptitle("What the rules of thumb would have picked", x=0.01, ha="left")
    axes = figure.subplots()
    shown: set[str] = set()
    for place, rule in enumerate(rules):
        kind = _kind(rule["verdict"])
        if rule["rank"] is not None:
            _pick(axes, place, rule, kind if kind not in shown else None)
            shown.add(kind)
        axes.text(
            1.02,
            place,
            textwrap.fill(rule["verdict"].replace("by a factor of ", "× "), 18),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=_LOOKS[kind].color,
        )
    axes.set_yticks(
        range(len(rules)), [textwrap.fill(rule["rule"], _LABEL) for rule in rules], linespacing=0.95
    )
    axes.set_ylim(len(rules) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    rank_axis(axes, _ticks(record), _WIDTH)
    _measured(axes, record["measured"])
    axes.set_xlabel("Rank (log scale)")
    below(
        figure,
        axes,
        "Points: the picks; bars: from the lowest to the highest matrix. Lines: the ranks that\n"
        "were measured to be enough: within one standard error of the best (1 SE), and\n"
        "equivalent to full fine-tuning within so many points of accuracy (±).",
    )
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    measured = record["measured"]
    rank, chosen = measured["one_standard_error"], measured.get("chosen_in")
    counts = {
        kind: sum(_kind(rule["verdict"]) == kind for rule in record["rules"]) for kind in _LOOKS
    }
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    held = "No rank was measured to be enough"
    if rank is not None:
        held = f"Against rank {rank}, the smallest within one standard error of the best"
        if chosen is not None:
            held += f" (and so in {percent(chosen)} of resamples)"
    words = f"{held}: of {len(record['rules'])} rules {listed(parts)}."
    large = [rule for rule in record["rules"] if _kind(rule["verdict"]) == "too large"]
    if large:
        worst = max(large, key=lambda rule: rule["numbers"]["factor"])
        words += f" Farthest off is “{worst['rule']}” with rank {worst['rank']}."
    none = [margin for margin, rank in measured["equivalent"].items() if rank is None]
    if none:
        words += (
            " No rank was shown to be equivalent to full fine-tuning within "
            f"{listed(none, 'or')} points."
        )
    return words


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    picks = "; ".join(
        f"{rule['rule']}: {'none' if rule['rank'] is None else rule['rank']}, {rule['verdict']}"
        for rule in record["rules"]
    )
    return f"A line a rule with its pick on an axis of ranks. {caption(record)} {picks}."


def _kind(verdict: str) -> str:
    return next(kind for kind in _LOOKS if verdict.startswith(kind))


def _pick(axes: Axes, place: int, rule: Mapping[str, Any], label: str | None) -> None:
    look = _LOOKS[_kind(rule["verdict"])]
    axes.plot([rule["low"], rule["high"]], [place, place], color=look.color, linewidth=3, alpha=0.4)
    axes.plot(
        rule["rank"],
        place,
        marker=look.marker,
        color=look.color,
        linestyle="none",
        markersize=7,
        label=None if label is None else label[0].upper() + label[1:],
    )


def _measured(axes: Axes, measured: Mapping[str, Any]) -> None:
    """Draw the ranks that were measured, each named above its line."""
    names: dict[int, list[str]] = {}
    if measured["one_standard_error"] is not None:
        names[measured["one_standard_error"]] = ["1 SE"]
    for margin, rank in measured["equivalent"].items():
        if rank is not None:
            names.setdefault(rank, []).append(f"±{margin}")
    for rank, words in names.items():
        main = words[0] == "1 SE"
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
    seen = [record["measured"]["one_standard_error"], *record["measured"]["equivalent"].values()]
    for rule in record["rules"]:
        seen += [rule["low"], rule["rank"], rule["high"]]
    ranks = [rank for rank in seen if rank is not None]
    last = max(ranks, default=1)
    return [2**power for power in range(last.bit_length() + 1) if 2**power < 2 * last]
