"""The comparison of the methods as a table: on a terminal, in Markdown, in HTML.

A row is a method. What follows from the study comes from `metrics/cost.json`; what took a clock
from `metrics/machine/cost.json`, and stays empty where that file is missing.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from study.records.arm_names import LORA
from study.words import markdown
from study.words.arms import PROBE, arm_label
from study.words.phrases import share, significant
from study.words.scores import cell, column, measure_of
from study.words.text_table import align

Record = Mapping[str, Any]
Row = tuple[str, ...]

UNKNOWN = "-"
COLUMNS = (
    "method",
    "trainable parameters",
    "share",
    "storage per task",
    "training memory",
    "training, sentences/s",
    "latency unmerged, ms",
    "merged, ms",
    "base, ms",
    "mergeable",
    "test accuracy, %",
)
LATENCY_COLUMNS = ("precision", "batch size", "model", "ms a sentence", "times the base")


def columns(cost: Record) -> Row:
    """Return `COLUMNS`, with the study's metric in place of accuracy."""
    return (*COLUMNS[:-1], column(measure_of(cost["arms"][0])))


def rows(cost: Record, machine: Record | None) -> list[Row]:
    """Return a row of cells for each method, in the order of `COLUMNS`.

    Latency is of one sentence at a time in fp32, the first of `latency_rows`.
    """
    return [_row(arm, machine) for arm in cost["arms"]]


def latency_rows(machine: Record) -> list[Row]:
    """Return a row for each precision, batch size and model, in the order of `LATENCY_COLUMNS`.

    Milliseconds with the lowest and highest repeat; the ratio with the interval of its median.
    """
    found: list[Row] = []
    for row in machine["latency"]:
        models = [
            ("Base", row["base"]),
            ("Base, a second copy", row["base_again"]),
            *((f"{arm_label(LORA, m['rank'])}, merged", m) for m in row["merged"]),
            *((f"{arm_label(LORA, m['rank'])}, unmerged", m) for m in row["unmerged"]),
        ]
        for name, model in models:
            ratio, ms = model["interval"], model["milliseconds"]
            found.append(
                (
                    row["precision"],
                    str(row["batch_size"]),
                    name,
                    f"{_short(ms['median'])} [{_short(ms['low'])}, {_short(ms['high'])}]",
                    f"{ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
                    if name != "Base"
                    else "1",
                )
            )
    return found


def legend(cost: Record, machine: Record | None) -> list[str]:
    """Return what the cells mean, a sentence each."""
    said = [
        "Storage per task is what stands beside the base model: an adapter's files, a head's "
        "numbers, or the whole tuned model.",
        f"In brackets: {100 * cost['confidence']:g} % intervals.",
    ]
    if machine is None:
        return [*said, "Memory and times were not measured here: `make cost` does."]
    first = machine["latency"][0]
    merged = [f"rank {model['rank']}: {model['words']}" for model in first["merged"]]
    gpu = machine["device_type"] == "cuda"
    return [
        *said,
        f"Times and memory: {machine['device']}, {machine['threads']} threads; medians of "
        f"{machine['repeats']} repeats on {machine['sentences']:,} sentences.",
        "Memory is the peak of "
        + ("tensors on the GPU" if gpu else "a process that trains one run, libraries included")
        + f". One run trains at a time, in {machine['precision']}; head only reads what its "
        "encoder gave once.",
        f"Latency is a sentence's, one at a time, in {first['precision']}. Merged into the base, "
        f"{'; '.join(merged)}.",
        "The linear probe was not timed.",
    ]


def text_table(cost: Record, machine: Record | None) -> str:
    """Return the table for a terminal, with its legend and all latencies below it."""
    lines = [*align([columns(cost), *rows(cost, machine)]), "", *legend(cost, machine)]
    if machine is not None:
        lines += ["", *align([LATENCY_COLUMNS, *latency_rows(machine)])]
    return "\n".join(lines)


def markdown_table(cost: Record, machine: Record | None) -> str:
    """Return the table in Markdown."""
    return markdown.table(columns(cost), rows(cost, machine))


def html_table(cost: Record, machine: Record | None) -> str:
    """Return the table in HTML."""
    return as_html([columns(cost), *rows(cost, machine)])


def as_html(table: Sequence[Sequence[str]]) -> str:
    """Return a table, first row its head and first column the names of its rows, in HTML."""
    head, *body = [[html.escape(cell) for cell in row] for row in table]
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = [
        f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in body
    ]
    return "\n".join(
        ["<table>", f"<thead><tr>{columns}</tr></thead>", "<tbody>", *lines, "</tbody>", "</table>"]
    )


def _row(arm: Record, machine: Record | None) -> Row:
    mergeable = {True: "yes", False: "no", None: UNKNOWN}[arm["mergeable"]]
    return (
        arm_label(arm["arm"], arm["rank"]),
        f"{arm['trainable_parameters']:,}",
        share(arm["trainable_share"]),
        size(arm["storage_bytes"]),
        *(_timed(arm, machine) if machine and arm["arm"] != PROBE else [UNKNOWN] * 5),
        mergeable,
        cell(arm),
    )


def _timed(arm: Record, machine: Record) -> list[str]:
    """Return training memory, training speed and the three latencies of a method."""
    name = (arm["arm"], arm["rank"])
    held = {(row["arm"], row["rank"]): row for row in machine["memory"]}.get(name, {})
    trained = {(row["arm"], row["rank"]): row for row in machine["training"]}.get(name)
    peak = held.get("peak_gpu_memory_bytes") or held.get("peak_memory_bytes")
    row = machine["latency"][0]
    adapters = {model["rank"]: model for model in row["unmerged"]}
    unmerged = adapters.get(arm["rank"])
    merged = {model["rank"]: model for model in row["merged"]}
    timed = merged.get(arm["rank"], row["merged"][-1])  # a merged model's shapes are the base's
    return [
        size(peak) if peak else UNKNOWN,
        _short(trained["sentences_per_second"]["median"]) if trained else UNKNOWN,
        _short(unmerged["milliseconds"]["median"]) if unmerged else UNKNOWN,
        _short(timed["milliseconds"]["median"]) if unmerged else UNKNOWN,
        _short(row["base"]["milliseconds"]["median"]),
    ]


def _short(value: float) -> str:
    """Write a number to three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def size(count: int) -> str:
    """Write bytes in the unit that leaves few digits: 43 kB, 90.9 MB, 1.82 GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{significant(count / unit)} {name}"
    return f"{count} B"
