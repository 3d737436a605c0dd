"""Made-up measurements, as the children would report them."""

from __future__ import annotations

from typing import Any

from benchmarks.interleave import Measured
from benchmarks.pairs import KINDS


def measured(kind: str, arm: str, *rounds: float, runs: int = 1, **changes: Any) -> Measured:
    """Return a variant with round numbers for everything but the rounds."""
    values: dict[str, Any] = {
        "first_step": 5.0 + sorted(rounds)[len(rounds) // 2],
        "validation": 2.0,
        "test": 3.0,
        "peak_memory_bytes": 2**29,
        "peak_gpu_memory_bytes": None,
    }
    return Measured(kind, arm, runs, rounds, **(values | changes))


def variants() -> dict[str, Measured]:
    """Return every variant of a result by its name."""
    return {
        "lora default": measured("default", "lora", 6.0, 8.0, 7.0),
        "lora tuned": measured("tuned", "lora", 2.0, 2.0, 3.0),
        "lora ours": measured("ours", "lora", 1.0, 2.0, 1.0),
        "lora ours together": measured("ours", "lora", 3.0, 3.0, 6.0, runs=3, validation=4.0),
        "full default": measured("default", "full", 8.0),
        "full tuned": measured("tuned", "full", 4.0),
        "full ours": measured("ours", "full", 2.0),
        "head_only default": measured("default", "head_only", 1.0),
        "head_only tuned": measured("tuned", "head_only", 0.5),
        "head_only ours": measured("ours", "head_only", 40.0, runs=3),
    }


def causal() -> dict[str, Measured]:
    """Return every variant of the causal steps by its name."""
    return {
        f"{row} {kind}": measured(kind, "causal", *rounds)
        for row in KINDS
        for kind, rounds in {
            "default": (8.0, 7.0, 9.0),
            "tuned": (4.0, 3.0, 4.0),
            "ours": (2.0, 1.0, 2.0),
        }.items()
    }
