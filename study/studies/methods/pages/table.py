"""The comparison of the methods as tables: on a terminal, and in Markdown.

What follows from the study comes from `methods/metrics/comparison.json`; what took a clock from
`methods/metrics/machine/comparison.json`, and stays empty where that file is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analyses.cost.table import UNKNOWN, size
from study.metrics.measure import REGRESSION
from study.studies.methods.comparison.machine import (
    latency_noise,
    measured,
    memory_noise,
    memory_words,
    peak,
    speed,
    with_range,
)
from study.studies.methods.comparison.rows import arms
from study.words import markdown
from study.words.arms import PROBE, states_words
from study.words.phrases import counted, listed, share, significant
from study.words.scores import cell, column, digits, measure_of
from study.words.text_table import align

Record = Mapping[str, Any]
Rows = list[tuple[str, ...]]

QUALITY = (
    "method",
    "learning rate",
    "test accuracy, %",
    "to full fine-tuning, points",
    "to LoRA, points",
)
COST = (
    "method",
    "trainable parameters",
    "share",
    "storage per task",
    "base's weights",
    "training memory",
    "training, sentences/s",
    "operations a token, of full's",
    "latency, of the base's",
    "mergeable",
)


def _quality_columns(record: Record) -> tuple[str, ...]:
    named = column(measure_of(record["methods"][0]))
    return tuple(named if name == "test accuracy, %" else name for name in QUALITY)


def quality_rows(record: Record) -> Rows:
    """Return what each method scored, in the order of `QUALITY`."""
    return [_quality(row) for row in arms(record)]


def cost_rows(record: Record, machine: Record | None) -> Rows:
    """Return what each method costs, in the order of `COST`."""
    full = record["methods"][0]
    return [_cost(row, full, machine) for row in arms(record)]


def legend(record: Record, machine: Record | None) -> list[str]:
    """Return what the cells mean, a sentence or more each."""
    trained = {row["name"] for row in record["methods"] if "reason" not in row}
    measure = measure_of(record["methods"][0])
    fit = "ridge" if measure.task == REGRESSION else "logistic"
    said = [
        f"{counted(len(record['seeds']), 'seed')}, {record['train_sentences']:,} sentences to "
        f"train on, {record['test_sentences']:,} to test on; LoRA and its variants have rank "
        f"{record['rank']}. In brackets: {100 * record['confidence']:g} % intervals, each by "
        "itself; differences are paired over seeds and sentences.",
        picked(record),
        f"Linear probe is a {fit} regression on {states_words(record[PROBE]['state'])} of the "
        "frozen encoder, which validation picked. It has no learning rate, and no seeds: the "
        f"interval of its {measure.words} is over sentences alone. Its operations are one pass "
        "of the encoder over the training sentences; the fit itself is not counted, nor was it "
        "timed.",
        "Storage per task is what stands beside the base model. The base's weights are those that "
        "stay in memory while a method trains. Operations are those of matrix products; latency "
        "is unmerged. Mergeable was tried: merged and unmerged logits agree within "
        f"{record['merge_tolerance']:g} of the largest.",
    ]
    if "pissa" in trained:
        said.append(
            "PiSSA is stored with twice the rank: what it learned less its start, which was taken "
            "out of the base's weights. The base stays as it was."
        )
    said += [f"{r['label']} was not trained: {r['reason']}." for r in _left_out(record)]
    if machine is None:
        return [*said, "Memory and times were not measured here."]
    return [
        *said,
        f"Times and memory: {machine['device']}, {counted(machine['threads'], 'thread')}, "
        f"{machine['precision']}, one run at a time. Times are medians of "
        f"{counted(machine['repeats'], 'repeat')} on {machine['sentences']:,} sentences, in "
        "brackets the lowest and the highest.",
        "Head only runs its encoder once and trains on what that gave: its operations are of the "
        "pass through the encoder, its sentences a second of all its epochs.",
        *latency_noise(machine),
        f"Memory is {memory_words(machine)}. IA³ and prefix tuning load PEFT, QLoRA bitsandbytes, "
        "which count as theirs.",
        f"Each memory is one measurement. {memory_noise(machine).why}",
    ]


def picked(record: Record) -> str:
    """Say which learning rates validation picked, and that it picked none where there is one."""
    several = [row for row in record["methods"] if len(row.get("rates", ())) > 1]
    if not several:
        return "Every method has one learning rate: validation had none to pick."
    measure = measure_of(record["methods"][0])
    choices = [
        f"{row['label']} {row['learning_rate']:g} of "
        + listed([f"{at['rate']:g} ({measure.shown(at['validation'])})" for at in row["rates"]])
        for row in several
    ]
    rest = len(several) < len(record["methods"]) - len(_left_out(record))
    others = " The others have one." if rest else ""
    return (
        "Where a method has several learning rates, validation picks one, by its mean "
        f"{measure.words} (in brackets): {'; '.join(choices)}.{others}"
    )


def text_table(record: Record, machine: Record | None) -> str:
    """Return the tables for a terminal, with their legend."""
    lines = [*align([_quality_columns(record), *quality_rows(record)]), ""]
    lines += [*align([COST, *cost_rows(record, machine)]), "", *legend(record, machine)]
    return "\n".join(lines)


def markdown_quality(record: Record) -> str:
    """Return the table of scores in Markdown."""
    return markdown.table(_quality_columns(record), quality_rows(record))


def markdown_cost(record: Record, machine: Record | None) -> str:
    """Return the table of costs in Markdown."""
    return markdown.table(COST, cost_rows(record, machine))


def _left_out(record: Record) -> list[Record]:
    return [row for row in record["methods"] if "reason" in row]


def _quality(row: Record) -> tuple[str, ...]:
    if "reason" in row:
        return (row["label"], *[UNKNOWN] * (len(QUALITY) - 1))
    return (
        row["label"],
        _rate(row),
        cell(row),
        *(_gap(row[key], digits(measure_of(row))) for key in ("to_full", "to_lora")),
    )


def _rate(row: Record) -> str:
    if "learning_rate" not in row:  # the linear probe
        return UNKNOWN
    tried = [f"{at['rate']:g}" for at in row.get("rates", ())]
    return f"{row['learning_rate']:g}" + (f" (of {', '.join(tried)})" if len(tried) > 1 else "")


def _gap(gap: Record | None, written: int) -> str:
    if gap is None:
        return UNKNOWN
    keys = ("difference", "low", "high")
    mean, low, high = (f"{100 * gap[key]:+.{written}f}" for key in keys)
    return f"{mean} [{low}, {high}]"


def _cost(row: Record, full: Record, machine: Record | None) -> tuple[str, ...]:
    if "reason" in row:
        return (row["label"], *[UNKNOWN] * (len(COST) - 1))
    memory, sentences = peak(machine, row["name"]), speed(machine, row["name"])
    late = measured(machine, "latency", row["name"])
    return (
        row["label"],
        f"{row['trainable_parameters']:,}",
        share(row["trainable_share"]),
        size(row["storage_bytes"]),
        size(row["base_bytes"]),
        size(memory) if memory else UNKNOWN,
        significant(sentences) if sentences else UNKNOWN,
        f"{row['flops_per_token'] / full['flops_per_token']:.2f}",
        with_range(late["ratio"]) if late else UNKNOWN,
        {True: "yes", False: "no", None: UNKNOWN}[row["mergeable"]],
    )
