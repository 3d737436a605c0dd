"""What the probe found of one arm, and how it travels from the probe's process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from forecast.clock import Span


@dataclass(frozen=True)
class Measured:
    """One arm, at one rank.

    Attributes:
        runs: that trained together.
        load: of data and model, before the first group.
        extra: what the process's first step took beyond a later one of its tokens.
        step: one usual step of all runs.
        encoding: a token of a sentence whose features a head is trained on.
        validation: of all runs, a token of a sentence; of the heads alone, a sentence.
        saving: one model, or adapter, or head.
        before_bytes: resident before the first group; peak_bytes: at the most.
        kept_bytes: what a group of runs leaves behind until the stage ends.
        gpu_bytes: at the most, of the GPU; None: there is none.
        trainable, total, head: numbers in a run, in the model, in the head.
        steps: that were timed.
    """

    arm: str
    rank: int | None
    runs: int
    load: Span
    extra: Span
    step: Span
    encoding: Span
    validation: Span
    saving: Span
    before_bytes: int
    peak_bytes: int
    kept_bytes: int
    gpu_bytes: int | None
    trainable: int
    total: int
    head: int
    steps: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Measured:
        """Build it from what `dataclasses.asdict` made."""
        spans = {f.name for f in fields(cls) if f.type == "Span"}
        read: dict[str, Any] = {k: Span(**v) if k in spans else v for k, v in value.items()}
        return cls(**read)


def median(spans: Sequence[Span]) -> Span:
    """Return the medians of both times."""
    from statistics import median as middle

    return Span(middle(s.wall for s in spans), middle(s.alone for s in spans))
