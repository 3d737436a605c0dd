"""Drift by rank: outputs and states on general text, and accuracy out of domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from study.pages.figures import style
from study.pages.figures.axes import percent_axis, rank_axis
from study.pages.figures.series import level, series
from study.pages.figures.text import below, keep_apart
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.phrases import counted, listed, percent, significant

Record = Mapping[str, Any]
Row = Mapping[str, Any]

_IN_DOMAIN = style.Look(style.BLUE, "s", style.DOTTED)
_PANELS = (
    ("kl", "KL(tuned || base)\n(nats)", "Outputs, on general text"),
    ("change", "1 - cosine with the\npretrained state", "Hidden state, on general text"),
)


def draw(record: Record) -> Figure:
    """Draw `drift/metrics/drift.json`: a panel a measure, LoRA by rank, the others as levels."""
    rows = _rows(record)
    ranks = [row["rank"] for row in rows[LORA]]
    figure = Figure(figsize=(style.WIDTH, 7.4), layout="constrained")
    figure.suptitle("How far from the pretrained model?", x=0.01, ha="left")
    panels = figure.subplots(3, 1, sharex=True)
    names: list[tuple[Axes, list[Text]]] = []
    for axes, (measure, unit, title) in zip(panels, _PANELS, strict=False):
        _series(axes, rows[LORA], measure, style.ARMS[LORA], None)
        names.append((axes, [_level(axes, FULL, rows[FULL][0][measure], _number)]))
        axes.set_ylabel(unit)
        axes.set_title(f"{title}; {_intervals(record)}", loc="left", color=style.GREY)
        axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    axes = panels[2]
    told = "out_of_domain" in rows[FULL][0]
    if told:
        _series(axes, rows[LORA], "out_of_domain", style.ARMS[LORA], "LoRA, general text")
        others = [(arm, rows[arm][0]["out_of_domain"]) for arm in (FULL, HEAD_ONLY)]
        names.append((axes, [_level(axes, arm, row, percent) for arm, row in others]))
    else:
        others = [(arm, rows[arm][0]["in_domain"]) for arm in (FULL, HEAD_ONLY)]
        names.append((axes, [_level(axes, arm, row, percent) for arm, row in others]))
    _series(axes, rows[LORA], "in_domain", _IN_DOMAIN, "LoRA, test sentences of the task", 1.06)
    axes.set_ylabel("Accuracy (%)")
    where = "levels: on general text" if told else "the general text has no labels of the study's"
    axes.set_title(f"Accuracy; {where}", loc="left", color=style.GREY)
    percent_axis(axes)
    rank_axis(axes, ranks, 330)
    axes.set_xlabel("LoRA rank (log scale)")
    below(figure, axes)
    style.settle(figure)
    for place, texts in names:
        keep_apart(place, texts)
    return figure


def caption(record: Record) -> str:
    """Say what there is to see."""
    rows = _rows(record)
    full = rows[FULL][0]
    sentences = [
        f"On {_text(record)}, tuning moves LoRA's outputs {_span(rows[LORA], 'kl', _number)} nats "
        f"away from the base's, and full fine-tuning's {_number(full['kl']['mean'])}. It turns the "
        f"hidden state by {_span(rows[LORA], 'change', _number)} (1 - cosine) in LoRA and by "
        f"{_number(full['change']['mean'])} in full fine-tuning"
    ]
    if "out_of_domain" in full:
        head = percent(rows[HEAD_ONLY][0]["out_of_domain"]["mean"])
        sentences.append(
            f"Accuracy there is {_span(rows[LORA], 'out_of_domain', percent)} in LoRA, "
            f"{percent(full['out_of_domain']['mean'])} in full fine-tuning and {head} with the "
            "head alone trained"
        )
    sentences.append(_full_less(rows[LORA], _told(record)))
    return ". ".join(sentences) + "."


def _full_less(rows: Sequence[Row], told: bool) -> str:
    """Say how full fine-tuning's accuracy stands to every rank's, and where the two are told."""
    places = {"in_domain": "on the task's test sentences"}
    if told:
        places = {"out_of_domain": "there"} | places
    found = []
    for measure, where in places.items():
        cells = sorted((row["full_less"][measure] for row in rows), key=lambda cell: cell["mean"])
        ends = list(dict.fromkeys(f"{cell['mean']:+.1f}" for cell in (cells[0], cells[-1])))
        apart = sum((cell["low"] or 0) > 0 or (cell["high"] or 0) < 0 for cell in cells)
        found.append(
            f"{' to '.join(ends)} points {where} (at {apart} of {counted(len(cells), 'rank')} the "
            f"interval leaves no doubt about the sign)"
        )
    return f"Full fine-tuning's accuracy minus LoRA's is {' and '.join(found)}"


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    each = [
        f"rank {row['rank']}: {_number(row['kl']['mean'])} nats, "
        f"{_number(row['change']['mean'])}, "
        + (f"{percent(row['out_of_domain']['mean'])} and " if "out_of_domain" in row else "")
        + percent(row["in_domain"]["mean"])
        for row in _rows(record)[LORA]
    ]
    what = "divergence of outputs, change of the hidden state, accuracy "
    what += "on general text and in the task" if _told(record) else "in the task"
    return f"Three panels by LoRA rank, with intervals: {what}. {listed(each)}."


def _rows(record: Record) -> dict[str, list[Row]]:
    return {
        arm: [row for row in record["arms"] if row["arm"] == arm] for arm in (HEAD_ONLY, LORA, FULL)
    }


def _told(record: Record) -> bool:
    return "out_of_domain" in record["arms"][0]


def _text(record: Record) -> str:
    return counted(record["sentences"], "sentence") + " of general text"


def _intervals(record: Record) -> str:
    over = "seeds and sentences" if len(record["seeds"]) > 1 else "sentences of one seed"
    return f"{100 * record['confidence']:g} % intervals over {over}"


def _number(value: float) -> str:
    return significant(value)


def _span(rows: Sequence[Row], measure: str, write: Any) -> str:
    values = sorted(row[measure]["mean"] for row in rows)
    ends = list(dict.fromkeys(write(value) for value in (values[0], values[-1])))
    return " to ".join(ends)


def _series(
    axes: Axes,
    rows: Sequence[Row],
    measure: str,
    look: style.Look,
    label: str | None,
    shift: float = 1.0,
) -> None:
    places = [row["rank"] * shift for row in rows]
    cells = [row[measure] for row in rows]
    series(axes, places, cells, look, label, hollow=look is _IN_DOMAIN)


def _level(axes: Axes, arm: str, cell: Row, write: Any) -> Text:
    name = {FULL: "Full fine-tuning", HEAD_ONLY: "Head only"}[arm]
    return level(axes, cell, style.ARMS[arm], f"{name}\n{write(cell['mean'])}")
