"""Capacity or training: full fine-tuning's update cut down to a rank, against LoRA of that rank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.analyses.capacity.readings import NEAR, SHORT, UNCLEAR, UNKNOWN
from study.metrics.measure import Measure
from study.pages.figures import style
from study.pages.figures.axes import panels, rank_axis
from study.pages.figures.text import below, interval_words, keep_apart
from study.words.phrases import capitalised, listed, margin
from study.words.scores import axis, measure_in

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_CURVES = {
    "lora": ("LoRA, trained at the rank", style.ARMS["lora"]),
    "largest_lora_truncated": (
        "LoRA of rank {largest}, cut down",
        style.Look(style.BLACK, "D", style.DOTTED),
    ),
    "weighted": (
        "Full's update, cut down, weighted by inputs",
        style.Look(style.GREEN, "^", style.DASH_DOTTED),
    ),
    "truncated": (
        "Full's update, cut down plainly",
        style.Look(style.ORANGE, "v", style.DASHED),
    ),
}
_CUTS = ("truncated", "weighted")
_FULL, _RANK_ZERO, _TARGETS = "full", "rank_zero", "target_modules_alone"
_LINES = {
    _FULL: ("Full fine-tuning", style.ARMS["full"]),
    _RANK_ZERO: ("Full, all its\nmatrices pretrained", style.Look(style.GREY, "", style.DOTTED)),
    _TARGETS: ("Full, in LoRA's\nmatrices alone", style.Look(style.GREY, "", style.DASH_DOTTED)),
}


def draw(record: Record) -> Figure:
    """Draw `metrics/capacity.json`: four curves over the rank, and three level lines."""
    figure = Figure(figsize=(style.WIDTH, 5.0), layout="constrained")
    figure.suptitle("Capacity or training? Updates cut down to a rank", x=0.01, ha="left")
    rows = [row for curve in record["curves"].values() for row in curve]
    levels = {name: record[name] for name in _LINES}
    spans = [(row["low"], row["high"]) for row in [*rows, *levels.values()]]
    measure = measure_in(record)
    all_axes = panels(figure, spans, axis(measure), in_percent=measure.in_percent)
    for axes in all_axes:
        _levels(axes, levels, measure)
        for place, curve in enumerate(_shown(record)):
            _curve(axes, record, curve, place)
    names = [_name_levels(axes, levels, measure) for axes in all_axes]
    rank_axis(all_axes[-1], [row["rank"] for row in record["curves"]["lora"]], 330)
    all_axes[-1].set_xlabel("Rank (log scale)")
    all_axes[0].set_title(interval_words(_summary(record)), loc="left", color=style.GREY)
    below(figure, all_axes[0])
    style.settle(figure)
    for axes, texts in zip(all_axes, names, strict=True):
        keep_apart(axes, texts)
    return figure


def _shown(record: Record) -> list[str]:
    """Return the curves to draw: at its own rank the largest LoRA is the trained one."""
    single = len(record["curves"]["lora"]) == 1
    return [curve for curve in _CURVES if not (single and curve == "largest_lora_truncated")]


def _curve(axes: Axes, record: Record, curve: str, place: int) -> None:
    """Draw one curve with its intervals, a little beside the rank so that all four are seen."""
    rows = _sorted(record["curves"][curve])
    name, look = _CURVES[curve]
    aside = (place - (len(_CURVES) - 1) / 2) * _step([row["rank"] for row in rows])
    values = [row[measure_in(record).name] for row in rows]
    axes.errorbar(
        [row["rank"] * 2**aside for row in rows],
        values,
        yerr=[
            [value - row["low"] for row, value in zip(rows, values, strict=True)],
            [row["high"] - value for row, value in zip(rows, values, strict=True)],
        ],
        color=look.color,
        linestyle=look.dashes,
        linewidth=1.2,
        elinewidth=0.9,
        marker=look.marker,
        markerfacecolor="white" if curve == "largest_lora_truncated" else look.color,
        capsize=2,
        label=name.format(largest=record["largest_rank"]),
    )


def _step(ranks: Sequence[int]) -> float:
    """Return how far apart the curves stand, in octaves of rank."""
    octaves = [math.log2(rank) for rank in ranks]
    closest = min((b - a for a, b in pairwise(octaves)), default=1.0)
    return min(closest, 0.6) / 6


def _levels(axes: Axes, levels: Mapping[str, Row], measure: Measure) -> None:
    for name, level in levels.items():
        look = _LINES[name][1]
        axes.axhspan(level["low"], level["high"], color=look.color, alpha=0.1, linewidth=0)
        axes.axhline(level[measure.name], color=look.color, linestyle=look.dashes, linewidth=1.2)


def _name_levels(axes: Axes, levels: Mapping[str, Row], measure: Measure) -> list[Text]:
    """Write the names of the levels that are seen at their right ends."""
    low, high = axes.get_ylim()
    return [
        axes.text(
            1.01,
            level[measure.name],
            f"{_LINES[name][0]}\n{measure.shown(level[measure.name])}",
            transform=axes.get_yaxis_transform(),
            color=_LINES[name][1].color,
            va="center",
        )
        for name, level in levels.items()
        if low <= level[measure.name] <= high
    ]


def caption(record: Record) -> str:
    """Say what there is to see, with the numbers."""
    lora = _sorted(record["curves"]["lora"])
    readings = {row["rank"]: row for row in record["readings"]}
    cut = {kind: {row["rank"]: row for row in record["curves"][kind]} for kind in _CUTS}
    ends = [lora[end] for end in ([0, -1] if len(lora) > 1 else [0])]
    kept = [
        f"{_shown_score(record, cut[readings[row['rank']]['truncation']][row['rank']])} at rank "
        f"{row['rank']}"
        for row in ends
    ]
    trained = listed([_shown_score(record, row) for row in ends])
    return (
        f"{_readings(record)}. To see this, we cut full fine-tuning's update in two ways and kept "
        f"the better one on validation: it scores {listed(kept)}. LoRA trained at "
        f"{'the same rank' if len(ends) == 1 else 'these ranks'} reaches {trained}, full "
        f"fine-tuning {_shown_score(record, record[_FULL])}. {_levels_in_words(record)}. "
        f"{_weighted_behind(record)}{_correction(record)}."
    )


def _shown_score(record: Record, row: Record) -> str:
    measure = measure_in(record)
    return measure.shown(row[measure.name])


def _levels_in_words(record: Record) -> str:
    """Say what the level lines are, and what they are not."""
    kinds = listed(sorted({name.split(".")[-1] for name in record["target_modules"]}))
    return (
        f"With all its matrices set back to the pretrained ones, the fully tuned model scores "
        f"{_shown_score(record, record[_RANK_ZERO])}. With only the head and LoRA's matrices "
        f"({kinds}) kept, it scores {_shown_score(record, record[_TARGETS])}. Neither says how "
        "good what was kept is by itself: it was tuned together with the rest, and trained alone "
        "it may do better"
    )


def _weighted_behind(record: Record) -> str:
    """Say why the weighted cut can lose, where it does."""
    plain, weighted = (_sorted(record["curves"][kind]) for kind in _CUTS)
    measure = measure_in(record)
    key = measure.name
    lost, rank, one, other = max(
        (measure.merit(p[key]) - measure.merit(w[key]), -p["rank"], p[key], w[key])
        for p, w in zip(plain, weighted, strict=True)
    )
    if lost <= 0:
        return ""
    return (
        "The weighted cut keeps each layer's outputs as they are, as far as it can, but not the "
        f"whole model's: so it can lose to the plain cut (at rank {-rank}, {measure.shown(other)} "
        f"against {measure.shown(one)}). "
    )


def _correction(record: Record) -> str:
    """Say what intervals and readings hold for."""
    error = f"{100 * (1 - record['confidence']):.3g} %"
    if len(record["readings"]) == 1:
        return f"What is said of LoRA is tested at {error}, one-sided"
    return (
        "Each interval is of its point alone; what is said of ranks is tested for all "
        f"{len(record['readings'])} of them together (one-sided, at {error}, Holm)"
    )


_READINGS = {
    "badly trained": "LoRA is badly trained at {}: the largest LoRA cut down to it is better",
    "not for lack of rank": "LoRA falls short, but not for lack of rank, at {}",
    "uses its room better": "LoRA uses its room better than full's update cut down at {}",
    "room enough": "there is room enough at {}",
    "lacks room": "LoRA and full's update cut down both fall short of full fine-tuning at {}",
}


def _readings(record: Record) -> str:
    """Say which ranks have room, at which LoRA falls short, and why if that is told."""
    sentences = [_room(record), *_of_lora(record)]
    told = [
        phrase.format(_at(ranks))
        for reading, phrase in _READINGS.items()
        if (ranks := _ranks(record, reading=reading))
    ]
    return ". ".join([*sentences, capitalised("; ".join(told))] if told else sentences)


def _room(record: Record) -> str:
    """Say at which ranks full fine-tuning's update fits: so much room there is."""
    ranks, within = _ranks(record, truncated_is=NEAR), margin(record["margin"])
    if not ranks:
        return (
            "We cannot say of any rank that it has room for what full fine-tuning learns: at none "
            f"does full fine-tuning's own update, cut down to it, come within {within} of the whole"
        )
    has = "has" if len(ranks) == 1 else "have"
    return (
        f"{capitalised(_at(ranks))} {has} room for what full fine-tuning learns: cut down so far, "
        f"full fine-tuning's own update stays within {within} of the whole"
    )


def _of_lora(record: Record) -> list[str]:
    """Say at which ranks LoRA is shown to be near or short, and what cannot be told of it."""
    near, short = _ranks(record, lora_is=NEAR), _ranks(record, lora_is=SHORT)
    words = []
    if near:
        words.append(
            f"LoRA comes within {margin(record['margin'])} of full fine-tuning at {_at(near)}"
        )
    if short:
        why = sorted(set(short) & set(_ranks(record, reading=UNKNOWN)))
        rest = ""
        if why:
            where = "" if why == short else f" at {_at(why)}"
            rest = f"; we cannot say why{where}"
        words.append(f"LoRA falls short of full fine-tuning at {_at(short)}{rest}")
    unclear = _ranks(record, lora_is=UNCLEAR)
    if unclear:
        which = "any rank" if len(unclear) == len(record["readings"]) > 1 else _at(unclear)
        words.append(f"We cannot say whether LoRA falls short at {which}")
    return words


def _ranks(record: Record, **wanted: str) -> list[int]:
    """Return the ranks whose row of the readings says so, in order."""
    rows = record["readings"]
    return sorted(row["rank"] for row in rows if wanted.items() <= row.items())


def _at(ranks: Sequence[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {listed(ranks)}"


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    words = []
    for curve in _shown(record):
        name = _CURVES[curve][0]
        rows = _sorted(record["curves"][curve])
        values = listed([f"{_shown_score(record, row)} at rank {row['rank']}" for row in rows])
        words.append(f"{name.format(largest=record['largest_rank'])}: {values}")
    levels = [
        f"{name.replace(chr(10), ' ')} {_shown_score(record, record[key])}"
        for key, (name, _) in _LINES.items()
    ]
    return (
        f"Test {measure_in(record).words} by rank with intervals. {'. '.join(words)}. Level lines: "
        f"{'; '.join(levels)}. {interval_words(_summary(record))}."
    )


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: int(row["rank"]))


def _summary(record: Record) -> dict[str, Any]:
    keys = {"seeds": "seeds", "test_sentences": "sentences", "confidence": "confidence"}
    return {key: record[name] for key, name in keys.items()}
