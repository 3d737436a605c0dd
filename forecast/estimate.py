"""From what the probe found to what a stage will take.

Time is counted parts times measured ones: loading, steps, evaluations by their tokens, saving.
Steps at a rank that was not probed lie between those that were, by counted operations. Memory is
the probe's peak, which saw the largest batch, and what every further group leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forecast.clock import Span
from forecast.measured import Measured
from forecast.plan import Training
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.prepared import Prepared

Operations = Callable[[int | None], float]
"""Counted operations of a step's token at a rank."""


@dataclass(frozen=True)
class Cost:
    """What a stage takes.

    Attributes:
        seconds: from its process's start to its end.
        training: of it, what the stage itself writes down as its seconds: all but the start.
        memory_bytes: at the most; gpu_bytes: of the GPU.
        disk_bytes: of what it leaves in the workspace.
    """

    seconds: Span
    training: Span
    memory_bytes: int
    disk_bytes: int
    gpu_bytes: int | None = None


def at_rank(measured: Sequence[Measured], rank: int | None, operations: Operations) -> Measured:
    """Return what the probe would have found at a rank, from the ranks that it tried.

    Args:
        measured: of one arm; at one rank, or at two.
    """
    high = measured[-1]
    low = _not_above(measured[0], high)
    if rank in (low.rank, high.rank):
        return low if rank == low.rank else high
    ends = operations(low.rank), operations(high.rank)
    part = (operations(rank) - ends[0]) / (ends[1] - ends[0]) if ends[0] != ends[1] else 0.0

    def between(a: float, b: float) -> float:
        return a + part * max(0.0, b - a)

    def span(name: str) -> Span:
        one, other = getattr(low, name), getattr(high, name)
        return Span(
            max(0.0, between(one.wall, other.wall)), max(0.0, between(one.alone, other.alone))
        )

    def count(name: str) -> int:
        return round(max(0.0, between(getattr(low, name) or 0, getattr(high, name) or 0)))

    return replace(
        low,
        rank=rank,
        step=span("step"),
        validation=span("validation"),
        saving=span("saving"),
        peak_bytes=count("peak_bytes"),
        kept_bytes=count("kept_bytes"),
        gpu_bytes=None if low.gpu_bytes is None else count("gpu_bytes"),
        trainable=count("trainable"),
    )


def _not_above(low: Measured, high: Measured) -> Measured:
    """Return what was found of a rank with no time above a larger rank's.

    Other work on the machine makes times longer, never shorter, so the lesser one is the nearer.
    """
    spans: dict[str, Any] = {}
    for name in ("step", "validation"):
        one, other = getattr(low, name), getattr(high, name)
        spans[name] = Span(min(one.wall, other.wall), min(one.alone, other.alone))
    return replace(low, **spans)


def seconds(training: Training, measured: Measured, data: Prepared, batch_size: int) -> Span:
    """Return what a stage writes down as its seconds: all but its process's start."""
    total = measured.load + measured.extra + measured.saving * training.saved
    for seeds in training.groups:
        total = total + _group(training, seeds, measured, data, batch_size)
    return total


def _group(
    training: Training, seeds: Sequence[int], measured: Measured, data: Prepared, batch_size: int
) -> Span:
    """Return the time of one group of runs."""
    share = len(seeds) / measured.runs
    steps = training.epochs * -(-len(data.train) // batch_size)
    lengths = {name: int(getattr(data, name).lengths.sum()) for name in _SPLITS}
    if training.arm == HEAD_ONLY:
        encoded = measured.encoding * sum(lengths.values())
        evaluated = training.epochs * len(data.validation) + len(data.test)
        return encoded + (measured.step * steps + measured.validation * evaluated) * share
    evaluated = training.epochs * lengths["validation"] + lengths["test"]
    return (measured.step * steps + measured.validation * evaluated) * share


_SPLITS = ("train", "validation", "test")


def memory(training: Training, measured: Measured, data: Prepared, hidden: int) -> int:
    """Return the most memory that a stage holds, bytes.

    Args:
        hidden: the width of a sentence's features, of which the heads keep all sentences'.
    """
    groups = len(training.groups)
    features = 0
    if training.arm == HEAD_ONLY:
        features = 2 * hidden * sum(len(getattr(data, name)) for name in _SPLITS)
    probed = 2 if training.arm == FULL else 1  # the others' probe trained the same runs twice
    return measured.peak_bytes + features + measured.kept_bytes * max(0, groups - probed)
