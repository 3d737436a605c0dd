"""What two tables of the write-ups say of methods in words, beside what was measured.

One gives full fine-tuning, adapters, prefix tuning, LoRA and QLoRA a word each for parameter
efficiency, compute cost and flexibility; the other sets LoRA beside full fine-tuning in six
aspects. Neither says how it was measured. Here each word stands beside numbers, and where the words
put methods in an order, with what contradicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from study import markdown
from study.cost.table import UNKNOWN, size
from study.labels import FULL
from study.methods.names import label
from study.methods.table import measured, peak, speed
from study.words import listed, share, significant

Record = Mapping[str, Any]
Number = Callable[[str], float | None]  # of a method; None where it was not measured

# Method: parameter efficiency, compute cost, flexibility.
SAID = {
    FULL: ("none", "high", "moderate"),
    "adapter": ("good", "medium", "high"),
    "prefix": ("good", "low", "medium"),
    "lora": ("good", "low", "high"),
    "qlora": ("very good", "very low", "high"),
}
EFFICIENCY = ("none", "good", "very good")
COMPUTE = ("high", "medium", "low", "very low")
_WITHIN = 0.02  # shares of each other within which two numbers do not contradict an order

HEAD = ("method", "parameter efficiency", "compute cost", "flexibility")
ASPECTS = ("aspect", "said of full fine-tuning", "said of LoRA", "measured, LoRA of full's")


def words_table(record: Record, machine: Record | None) -> str:
    """Return each word of the first table with its numbers, in Markdown."""
    rows = []
    for name, (efficiency, compute, flexibility) in SAID.items():
        row = _row(record, name)
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
    return markdown.table(HEAD, rows)


def contradictions(record: Record, machine: Record | None) -> list[str]:
    """Return a sentence for each order of the first table's words: what contradicts it."""

    def trained(name: str) -> float | None:
        row = _row(record, name)
        return None if row is None else row["trainable_parameters"]

    def weights(name: str) -> float | None:
        row = _row(record, name)
        return None if row is None else row["base_bytes"]

    def operations(name: str) -> float | None:
        row = _row(record, name)
        return None if row is None else row["flops_per_token"]

    def seconds(name: str) -> float | None:
        sentences = speed(machine, name)
        return None if not sentences else 1 / sentences

    def memory(name: str) -> float | None:
        return peak(machine, name)

    efficiency = {name: EFFICIENCY.index(said[0]) for name, said in SAID.items()}
    compute = {name: COMPUTE.index(said[1]) for name, said in SAID.items()}
    return [
        _order("parameter efficiency", "trained parameters", efficiency, trained),
        _order("parameter efficiency", "bytes of the base's weights", efficiency, weights),
        _order("compute cost", "operations a token", compute, operations),
        _order("compute cost", "training time a sentence", compute, seconds),
        _order("compute cost", "peak of training memory", compute, memory),
    ]


def aspects_table(record: Record, machine: Record | None) -> str:
    """Return the second table's aspects with LoRA's number over full fine-tuning's, in Markdown."""
    full, lora = _row(record, FULL), _row(record, "lora")
    if full is None or lora is None:
        return "Plain LoRA is not among the methods, so there is nothing to set beside the words."
    kept = lora["test_accuracy"] / full["test_accuracy"]
    rows = [
        ("trainable parameters", "100 %", "about 0.1 %", share(lora["trainable_share"])),
        ("memory", "very high", "low", _ratio(peak(machine, "lora"), peak(machine, FULL))),
        (
            "training speed",
            "slower",
            "faster",
            _ratio(speed(machine, "lora"), speed(machine, FULL)),
        ),
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
            "merged: the base's own operations; unmerged "
            f"{significant(lora['inference_flops_per_token'] / full['inference_flops_per_token'])}"
            " times its operations",
        ),
        ("quality", "baseline", "95 to 100 %", f"{100 * kept:.1f} % of its accuracy"),
    ]
    return markdown.table(ASPECTS, rows)


def _row(record: Record, name: str) -> Record | None:
    return next(
        (row for row in record["methods"] if row["name"] == name and "reason" not in row), None
    )


def _compute(record: Record, machine: Record | None, name: str) -> str:
    row, full = _row(record, name), _row(record, FULL)
    assert row is not None
    assert full is not None
    found = [f"{row['flops_per_token'] / full['flops_per_token']:.2f} of full's operations"]
    if machine is not None:
        speeds = _ratio(speed(machine, name), speed(machine, FULL))
        memory = _ratio(peak(machine, name), peak(machine, FULL))
        found += [f"{speeds} its speed", f"{memory} its memory"]
    return ", ".join(found)


def _flexibility(row: Record, machine: Record | None) -> str:
    late = measured(machine, "latency", row["name"])
    times = f", {late['ratio']['median']:.2f} times the base's latency" if late else ""
    if row["mergeable"] is None:
        return "a model of its own for each task"
    if row["mergeable"]:
        return f"beside the base{times}, or merged into it"
    return f"beside the base only{times}"


def _ratio(number: float | None, other: float | None) -> str:
    return UNKNOWN if not number or not other else f"{number / other:.2f} times"


def _order(aspect: str, what: str, levels: Mapping[str, int], number: Number) -> str:
    """Hold an order by words against numbers, of which fewer are better."""
    found = {name: number(name) for name in levels}
    values = {name: value for name, value in found.items() if value is not None}
    if len(values) < 2:
        return f"The order of {aspect} by {what} was not measured."
    wrong = [
        f"{label(better)} has {_times(values[better] / values[worse])} {label(worse)}'s"
        for better, better_level in levels.items()
        for worse, worse_level in levels.items()
        if better_level > worse_level
        and better in values
        and worse in values
        and values[better] > values[worse] * (1 - _WITHIN)
    ]
    if not wrong:
        return f"The order of {aspect} holds for {what}."
    return f"The order of {aspect} does not hold for {what}: {listed(wrong)}."


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times"
