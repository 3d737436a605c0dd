"""Files of metrics/machine/, made up: what stages measured of the machine they ran on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MACHINE = {
    name: {
        "device": "A processor of some maker",
        "device_type": "cpu",
        "precision": "bf16",
        "threads": 2,
        "python": "3.11.7",
        "versions": {"torch": "2.13.0+cpu", "numpy": "2.4.6"},
        "seconds": 85.942,
        "peak_memory_bytes": 1821626368,
        "peak_gpu_memory_bytes": None,
    }
    for name in ("full", "lora-r1")
}


def machine_files(ranks: Sequence[int]) -> dict[str, Any]:
    """Return what stands in `metrics/machine/`, by file."""
    return {"cost": made_speed(ranks), **MACHINE}


def made_speed(ranks: Sequence[int]) -> dict[str, Any]:
    """Return what `metrics/machine/cost.json` holds."""
    spread = {"median": 123.4, "low": 101.25, "high": 150.0}
    model = {
        "milliseconds": spread,
        "ratio": spread,
        "interval": {"ratio": 1.01, "low": 1, "high": 2},
    }
    arms = [("head_only", None), *(("lora", rank) for rank in sorted(ranks)), ("full", None)]
    rates = dict.fromkeys(("sentences_per_second", "tokens_per_second", "ratio_to_full"), spread)
    memory = {"peak_memory_bytes": 2**30, "idle_memory_bytes": 2**20, "peak_gpu_memory_bytes": None}
    return MACHINE["full"] | {
        "sentences": 256,
        "repeats": 5,
        "tolerance": 0.05,
        "latency": [
            {
                "precision": precision,
                "batch_size": size,
                "base": model,
                "base_again": model,
                "merged": [
                    {"rank": rank, "verdict": "equal", "words": "as fast as the base"} | model
                    for rank in sorted({min(ranks), max(ranks)})
                ],
                "unmerged": [{"rank": rank} | model for rank in sorted(ranks)],
            }
            for precision in ("fp32", "bf16")
            for size in (1, 32)
        ],
        "training": [{"arm": arm, "rank": rank} | rates for arm, rank in arms],
        "memory": [{"arm": arm, "rank": rank} | memory for arm, rank in arms],
    }
