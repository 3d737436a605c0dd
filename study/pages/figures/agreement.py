"""Same score, same model? Predictions and outputs against full fine-tuning's, by rank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.pages.figures import style
from study.pages.figures.axes import percent_axis, rank_axis
from study.pages.figures.series import level, series
from study.pages.figures.text import below, interval_words, keep_apart
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.phrases import percent, significant

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_ASIDE = 0.12  # octaves between two series at one rank, where ranks are apart enough
_OTHER_SEED = style.Look(style.BLUE, "o", style.SOLID)
_SAME_SEED = style.Look(style.BLUE, "s", style.DOTTED)
_PRETRAINED = style.Look(style.GREY, "^", style.DASH_DOTTED)
_FULL = style.ARMS["full"]
_OTHER = "LoRA and full fine-tuning, different seeds"
_SAME = "LoRA and full fine-tuning, same seed"
_TO_PRETRAINED = "LoRA and the pretrained model"


def draw(record: Record) -> Figure:
    """Draw `metrics/agreement.json`: disagreement above, divergence below."""
    disagreement, divergence = record["disagreement"], record["divergence"]
    lora = [row for row in disagreement["arms"] if row["arm"] == LORA]
    outputs = [row for row in divergence["arms"] if row["arm"] == LORA]
    ranks = [row["rank"] for row in lora]
    figure = Figure(figsize=(style.WIDTH, 6.4), layout="constrained")
    figure.suptitle("Same score, same model?", x=0.01, ha="left")
    upper, lower = figure.subplots(2, 1, sharex=True)
    if len(record["seeds"]) > 1:
        _series(upper, ranks, [r["different_seeds"] for r in lora], _OTHER_SEED, -1, _OTHER)
        other = [row["from_full_different_seeds"] for row in outputs]
        _series(lower, ranks, other, _OTHER_SEED, -1)
    _series(upper, ranks, lora, _SAME_SEED, 0, _SAME)
    _series(lower, ranks, [_interval(row, "from_full") for row in outputs], _SAME_SEED, 0)
    pretrained = [_interval(row, "from_pretrained") for row in outputs]
    _series(lower, ranks, pretrained, _PRETRAINED, 1)
    full = next(row for row in divergence["arms"] if row["arm"] == FULL)
    names = [
        _level(upper, disagreement["full_with_itself"], "Full fine-tuning\nwith itself", percent),
        _level(lower, divergence["full_with_itself"], "Full fine-tuning\nwith itself", _nats),
        _level(
            lower,
            _interval(full, "from_pretrained"),
            "Full and the\npretrained model",
            _nats,
            replace(_FULL, dashes=style.DOTTED),
        ),
    ]
    upper.set_ylabel("Test sentences that are\npredicted differently (%)")
    lower.set_ylabel("Divergence of outputs,\nKL(tuned || reference) (nats)")
    for axes in (upper, lower):
        axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    percent_axis(upper)
    rank_axis(lower, ranks, 330)
    lower.set_xlabel("LoRA rank (log scale)")
    upper.set_title(interval_words(record), loc="left", color=style.GREY)
    lower.set_title("Pretrained: its outputs under a trained head", loc="left", color=style.GREY)
    _series(upper, [], [], _PRETRAINED, 1, _TO_PRETRAINED)  # for the legend
    below(figure, upper)
    style.settle(figure)
    keep_apart(lower, [name for name in names[1:] if name is not None])
    return figure


def _series(
    axes: Axes,
    ranks: Sequence[int],
    rows: Sequence[Row],
    look: style.Look,
    place: int,
    label: str | None = None,
) -> None:
    """Draw one series with intervals, beside the others at the same ranks."""
    octaves = sorted(math.log2(rank) for rank in ranks)
    closest = min((b - a for a, b in pairwise(octaves)), default=1.0)
    shift = 2.0 ** (place * min(_ASIDE, closest / 4))
    places = [rank * shift for rank in ranks]
    series(axes, places, rows, look, label, hollow=look is _SAME_SEED)


def _level(axes: Axes, row: Row, name: str, write: Any, look: style.Look = _FULL) -> Text | None:
    if "reason" in row:
        return None
    return level(axes, row, look, f"{name}\n{write(row['mean'])}")


def _interval(row: Row, name: str) -> Row:
    return {"mean": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}


def _nats(value: float) -> str:
    return f"{significant(value)} nats"


def caption(record: Record) -> str:
    """Say what there is to see."""
    disagreement = record["disagreement"]
    lora = [row for row in disagreement["arms"] if row["arm"] == LORA]
    several = len(record["seeds"]) > 1
    values = [row["different_seeds"]["mean"] if several else row["mean"] for row in lora]
    least, most = percent(min(values)), percent(max(values))
    between = least if least == most else f"{least} to {most}"
    if several:
        yardstick = percent(disagreement["full_with_itself"]["mean"])
        first = (
            f"Two runs of full fine-tuning with different seeds disagree on {yardstick} of the "
            f"test sentences; LoRA and full fine-tuning with different seeds disagree on {between}"
        )
    else:
        first = f"LoRA and full fine-tuning disagree on {between} of the test sentences"
    alone = ""
    if several and len(lora) > 1:
        alone = "This is tested for all ranks together (Holm); each interval is of its rank alone. "
    return f"{first}. {disagreement['answer']}. {alone}{_nearer(record)}."


def _nearer(record: Record) -> str:
    """Say how far the pretrained model's outputs are, of LoRA and of full fine-tuning."""
    rows = {(row["arm"], row["rank"]): row for row in record["divergence"]["arms"]}
    full = rows[FULL, None]["from_pretrained"]
    lora = [row["from_pretrained"] for (arm, _), row in rows.items() if arm == LORA]
    ends = sorted({significant(min(lora)), significant(max(lora))}, key=float)
    return (
        f"Training moved LoRA's outputs {' to '.join(ends)} nats away from the pretrained model's, "
        f"and full fine-tuning's {significant(full)} (0 nats: not at all)"
    )


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    disagreement = record["disagreement"]
    outputs = {(row["arm"], row["rank"]): row for row in record["divergence"]["arms"]}
    ranks = [
        f"rank {row['rank']} {percent(row['mean'])} and "
        f"{_nats(outputs[LORA, row['rank']]['from_full'])}"
        for row in disagreement["arms"]
        if row["arm"] == LORA
    ]
    head = next(row for row in disagreement["arms"] if row["arm"] == HEAD_ONLY)
    itself = disagreement["full_with_itself"]
    yardstick = (
        "there is no second seed of it to compare with"
        if "reason" in itself
        else f"with itself over seeds {percent(itself['mean'])}"
    )
    return (
        "By LoRA rank, above the share of test sentences that LoRA and full fine-tuning predict "
        "differently, below the divergence of their outputs; of the same seed: "
        f"{'; '.join(ranks)}. Full fine-tuning: {yardstick}. The head alone, not drawn, differs on "
        f"{percent(head['mean'])}. {interval_words(record)}."
    )
