"""What was timed: latency, training speed and memory, of the machine that it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.labels import arm_label
from study.report.html import NOTHING, Html, Text, joined, paragraph, table
from study.report.numbers import number, stored, with_interval
from study.words import capitalised, counted

Record = Mapping[str, Any]


def speed(record: Record | None) -> Html:
    """Return the tables of `metrics/machine/cost.json`, or that there is none."""
    if record is None:
        return paragraph(
            "Speed and memory were not measured: there is no `metrics/machine/cost.json`; "
            "`dvc repro speed` writes it.",
            "missing",
        )
    return joined(
        [
            paragraph(
                f"What follows was measured on one machine ({record.get('device', 'unknown')}), "
                f"and holds for it: {counted(record['sentences'], 'sentence')}, "
                f"{counted(record['repeats'], 'repeat')}, below each median the lowest and the "
                f"highest."
            ),
            _training(record),
            _latency(record["latency"]),
            *(_verdict(row) for row in record["latency"]),
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
            "Speed, of full fine-tuning's",
            "Peak memory",
            "Peak GPU memory",
        ),
        rows,
        note="; ".join(sorted(missing)) or None,
    )


def _latency(settings: list[Record]) -> Html:
    """Return a row for each way to apply an adapter, a column for precision and batch size."""
    first = settings[0]
    ranks = [row["rank"] for row in first["unmerged"]]
    rows: list[list[Text]] = [
        ["Base", *(_time(row["base"]) for row in settings)],
        ["Base, a second copy", *(_time(row["base_again"]) for row in settings)],
        [
            f"Merged, rank {first['merged']['rank']}",
            *(_time(row["merged"]) for row in settings),
        ],
    ]
    for place, rank in enumerate(ranks):
        times = [_time(row["unmerged"][place]) for row in settings]
        rows.append([f"Beside the base, rank {rank}", *times])
    return table(
        "Inference, milliseconds a sentence",
        ("Model", *(f"{row['precision']}, batches of {row['batch_size']}" for row in settings)),
        rows,
        note="Below each number: times the base's, median of calls made in turns.",
    )


def _time(model: Record) -> Html:
    taken = model["milliseconds"]["median"]
    return Html(f'{number(taken)}<span class="interval">× {model["interval"]["ratio"]:.3f}</span>')


def _verdict(row: Record) -> Html:
    where = f"{row['precision']}, batches of {row['batch_size']}"
    return paragraph(f"**{capitalised(where)}**: {row['verdict']}.", "note")


def _spread(spread: Record | None) -> Text:
    if spread is None:
        return NOTHING
    return with_interval(*(number(spread[key]) for key in ("median", "low", "high")))
