"""What was timed: latency, training speed and memory, of the machine that it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.pages.report.html import NOTHING, Html, Text, badge, joined, paragraph, table, text
from study.pages.report.numbers import number, stored, with_interval
from study.words.arms import arm_label
from study.words.phrases import counted

Record = Mapping[str, Any]


def speed(record: Record | None) -> Html:
    """Return the tables of `metrics/machine/cost.json`, or that there is none."""
    if record is None:
        return paragraph(
            "Speed and memory were not measured: there is no `metrics/machine/cost.json`; "
            "`make cost` writes it.",
            "missing",
        )
    return joined(
        [
            paragraph(
                f"What follows was measured on one machine ({record.get('device', 'unknown')}) and "
                f"holds for it. {counted(record['sentences'], 'sentence')} were timed "
                f"{counted(record['repeats'], 'time')}; below each median stand the lowest and the "
                f"highest time."
            ),
            _training(record),
            _latency(record["latency"]),
            _merged(record),
        ]
    )


def _training(record: Record) -> Html:
    held = {(row["arm"], row["rank"]): row for row in record["memory"]}
    rows: list[list[Text]] = []
    for row in record["training"]:
        name = row["arm"], row["rank"]
        memory = held.get(name, {})
        rows.append(
            [
                arm_label(*name),
                _spread(row["sentences_per_second"]),
                _spread(row["ratio_to_full"]),
                stored(memory.get("peak_memory_bytes")),
                stored(memory.get("peak_gpu_memory_bytes")),
            ]
        )
    missing = {row["reason"] for row in held.values() if row.get("reason")}
    return table(
        "Training, measured",
        (
            "Arm",
            "Sentences per second",
            "Times full fine-tuning's speed",
            "Peak memory",
            "Peak GPU memory",
        ),
        rows,
        note="; ".join(sorted(missing)) or None,
    )


def _latency(settings: list[Record]) -> Html:
    """Return a row for each way to apply an adapter, a column for precision and batch size."""
    first = settings[0]
    rows: list[list[Text]] = [
        ["Base", *(_time(row["base"]) for row in settings)],
        ["Base, a second copy", *(_time(row["base_again"]) for row in settings)],
    ]
    for name, key in (("Merged", "merged"), ("Beside the base", "unmerged")):
        for place, model in enumerate(first[key]):
            times = [_time(row[key][place]) for row in settings]
            rows.append([f"{name}, rank {model['rank']}", *times])
    return table(
        "Inference, milliseconds a sentence",
        ("Model", *(f"{row['precision']}, batches of {row['batch_size']}" for row in settings)),
        rows,
        note="Below each number: how many times the base's time it takes. The calls were made in "
        "turns; given is their median.",
    )


def _time(model: Record) -> Html:
    taken = model["milliseconds"]["median"]
    return Html(f'{number(taken)}<span class="interval">× {model["interval"]["ratio"]:.3f}</span>')


def _merged(record: Record) -> Html:
    """Return whether merged models are as fast as the base, setting by setting."""
    rows: list[list[Text]] = []
    for row in record["latency"]:
        for model in row["merged"]:
            ratio = model["interval"]
            rows.append(
                [
                    _setting(f"Rank {model['rank']}", row),
                    with_interval(*(f"{ratio[key]:.3f}" for key in ("ratio", "low", "high"))),
                    badge(model["verdict"]),
                ]
            )
    tolerance = f"{100 * record['tolerance']:g} %"
    return table(
        "Is a merged model as fast as the base?",
        ("Merged", "Times the base's time", f"Equal within {tolerance}?"),
        rows,
        note="The calls were made in turns on the same batches; given is the median ratio, and "
        f"below it its 95 % interval. Equal: all of the interval lies within {tolerance} of 1. "
        "Slower or faster: all of it lies beyond.",
        words=(0, 2),
    )


def _setting(label: str, row: Record) -> Html:
    where = text(f"{row['precision']}, batches of {row['batch_size']}")
    return Html(f'{text(label)}<span class="interval">{where}</span>')


def _spread(spread: Record | None) -> Text:
    if spread is None:
        return NOTHING
    if spread["low"] == spread["high"]:
        return number(spread["median"])
    return with_interval(*(number(spread[key]) for key in ("median", "low", "high")))
