"""What `methods/metrics/machine/comparison.json` says of a method: speed, memory, latency.

All of it is of one machine at one moment, and empty where it was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analyses.cost.table import size
from study.studies.methods.comparison.names import label
from study.words.phrases import listed, percent

Record = Mapping[str, Any]

_SAME_MEMORY = ("lora", "rslora", "lora_plus", "pissa")
_LEAST_NOISE = 0.04  # of a peak of memory, which is measured once


def measured(machine: Record | None, kind: str, name: str) -> Record:
    """Return a method's row of `training`, `memory` or `latency`; empty where there is none."""
    rows: Sequence[Record] = machine[kind] if machine else []
    return next((row for row in rows if row["arm"] == name), {})


def speed(machine: Record | None, name: str) -> float | None:
    """Return sentences a second of training."""
    trained = measured(machine, "training", name)
    return trained["sentences_per_second"]["median"] if trained else None


def peak(machine: Record | None, name: str) -> int | None:
    """Return the peak of training memory in bytes: of the GPU if one was used.

    Of a process it is what lies beyond the idle one, with its libraries and nothing loaded, where
    that was measured.
    """
    held = measured(machine, "memory", name)
    if held.get("peak_gpu_memory_bytes"):
        return int(held["peak_gpu_memory_bytes"])
    if not held.get("peak_memory_bytes"):
        return None
    return int(held["peak_memory_bytes"] - held.get("idle_memory_bytes", 0))


@dataclass(frozen=True)
class Noise:
    """The share within which two numbers are told from each other by chance alone, and why."""

    share: float
    why: str


def memory_noise(machine: Record | None) -> Noise:
    """Return how far peaks of memory lie apart that should be one and the same.

    LoRA, rsLoRA, LoRA+ and PiSSA train the same shapes with the same steps.
    """
    found = {name: peak(machine, name) for name in _SAME_MEMORY}
    peaks = {name: held for name, held in found.items() if held}
    if len(peaks) < 2:
        return Noise(_LEAST_NOISE, f"Differences within {percent(_LEAST_NOISE)} count as noise.")
    apart = max(peaks.values()) / min(peaks.values()) - 1
    noise = max(apart, _LEAST_NOISE)
    names = listed([label(name) for name in peaks])
    return Noise(
        noise,
        f"{names} train the same shapes in the same steps and lie up to {percent(apart)} apart: "
        f"differences within {percent(noise)} count as noise.",
    )


def with_range(spread: Record) -> str:
    """Write a median of repeats with the lowest and the highest."""
    return "{median:.2f} [{low:.2f}, {high:.2f}]".format(**spread)


def memory_words(machine: Record) -> str:
    """Say what a memory is: of a GPU or of a process, and beyond what."""
    rows = machine["memory"]
    if any(row.get("peak_gpu_memory_bytes") for row in rows):
        return "the peak of tensors on the GPU"
    idle = [row["idle_memory_bytes"] for row in rows if row.get("idle_memory_bytes")]
    process = "the peak of a process that trains one run"
    if not idle:
        return f"{process}, its libraries included"
    return (
        f"{process} beyond the {size(max(idle))} that it holds before it loads a model (Python and "
        "its libraries)"
    )


def latency_noise(machine: Record) -> list[str]:
    """Say how far from 1 a latency lies that should be 1: BitFit's, which adds no operation."""
    late = measured(machine, "latency", "bitfit")
    if not late:
        return []
    return [
        "BitFit runs the base's own operations, so its latency shows the noise: "
        f"{with_range(late['ratio'])} of the base's."
    ]
