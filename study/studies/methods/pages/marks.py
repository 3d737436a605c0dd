"""What two tables of the write-ups say of methods in words, beside what was measured.

One gives full fine-tuning, adapters, prefix tuning, LoRA and QLoRA a word each for parameter
efficiency, compute cost and flexibility; the other sets LoRA beside full fine-tuning in six
aspects. Neither says how it was measured. Here each word stands beside numbers; whether the words'
order is that of the numbers is `study.studies.methods.pages.orders`'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from study.analyses.cost.table import UNKNOWN, size
from study.claims.verdicts import inside
from study.records.arm_names import FULL
from study.studies.methods.comparison.claims import KEPT
from study.studies.methods.comparison.machine import measured, peak, with_range
from study.studies.methods.comparison.names import label
from study.words import markdown
from study.words.phrases import share, significant
from study.words.scores import measure_of

Record = Mapping[str, Any]

# Method: parameter efficiency, compute cost, flexibility.
SAID = {
    FULL: ("none", "high", "moderate"),
    "adapter": ("good", "medium", "high"),
    "prefix": ("good", "low", "medium"),
    "lora": ("good", "low", "high"),
    "qlora": ("very good", "very low", "high"),
}

HEAD = ("method", "parameter efficiency", "compute cost", "flexibility")
ASPECTS = ("aspect", "said of full fine-tuning", "said of LoRA", "measured, LoRA of full's")


def words_table(record: Record, machine: Record | None) -> str:
    """Return each word of the first table with its numbers, in Markdown."""
    rows = []
    for name, (efficiency, compute, flexibility) in SAID.items():
        row = row_of(record, name)
        if row is None:
            rows.append((label(name), efficiency, compute, flexibility))
            continue
        rows.append(
            (
                label(name),
                f"{efficiency}: {share(row['trainable_share'])} trained, "
                f"{size(row['storage_bytes'])} a task",
                f"{compute}: {_compute(record, machine, name)}",
                f"{flexibility}: {_flexibility(row, machine)}",
            )
        )
    return markdown.table(HEAD, rows, of_words=True)


def aspects_table(record: Record, machine: Record | None) -> str:
    """Return the second table's aspects with LoRA's number over full fine-tuning's, in Markdown."""
    full, lora = row_of(record, FULL), row_of(record, "lora")
    if full is None or lora is None:
        return "Plain LoRA is not among the methods, so there is nothing to set beside the words."
    of_full = lora["inference_flops_per_token"] / full["inference_flops_per_token"]
    rows = [
        ("trainable parameters", "100 %", "about 0.1 %", share(lora["trainable_share"])),
        ("memory", "very high", "low", _memory(machine, "lora")),
        ("training speed", "slower", "faster", _speed(machine, "lora")),
        (
            "storage per task",
            "the full model",
            "about 10 MB",
            f"{size(lora['storage_bytes'])} beside {size(full['storage_bytes'])}",
        ),
        (
            "inference speed",
            "the same",
            "the same, merged",
            f"merged: the base's own operations; unmerged {significant(of_full)} times its "
            "operations",
        ),
        ("quality", "baseline", "95 to 100 %", _quality(lora)),
    ]
    return markdown.table(ASPECTS, rows, of_words=True)


def row_of(record: Record, name: str) -> Record | None:
    """Return the row of a method that was trained."""
    return next(
        (row for row in record["methods"] if row["name"] == name and "reason" not in row), None
    )


def _compute(record: Record, machine: Record | None, name: str) -> str:
    if name == FULL:
        return "what the others are compared with"
    row, full = row_of(record, name), row_of(record, FULL)
    assert row is not None
    assert full is not None
    found = [f"{row['flops_per_token'] / full['flops_per_token']:.2f} of full's operations"]
    if machine is not None:
        found += [f"{_speed(machine, name)} its speed", f"{_memory(machine, name)} its memory"]
    return ", ".join(found)


def _flexibility(row: Record, machine: Record | None) -> str:
    late = measured(machine, "latency", row["name"])
    times = f", {with_range(late['ratio'])} times the base's latency" if late else ""
    if row["mergeable"] is None:
        return "a model of its own for each task"
    if row["mergeable"]:
        return f"beside the base{times}, or merged into it"
    return f"beside the base only{times}"


def _quality(lora: Record) -> str:
    """Write LoRA's share of full fine-tuning's score, and whether 95 % is told from it."""
    of_full = lora["of_full"]
    if of_full is None:
        return UNKNOWN
    mean, low, high = (100 * of_full[key] for key in ("share", "low", "high"))
    verdict = inside(of_full["low"], of_full["high"], KEPT, math.inf)
    of = f"of its {measure_of(lora).words}"
    return f"{mean:.1f} % [{low:.1f}, {high:.1f}] {of}; {share(KEPT)} or more: {verdict}"


def _speed(machine: Record | None, name: str) -> str:
    trained = measured(machine, "training", name)
    return f"{with_range(trained['ratio_to_full'])} times" if trained else UNKNOWN


def _memory(machine: Record | None, name: str) -> str:
    held, full = peak(machine, name), peak(machine, FULL)
    return f"{held / full:.2f} times" if held and full else UNKNOWN
