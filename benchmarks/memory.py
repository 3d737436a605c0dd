"""`python -m benchmarks.memory`: what each way of training within memory saves, and what it costs.

LoRA of all seeds together, and full fine-tuning, train a few steps of the study's own sentences
under each setting, each in a process of its own. One process works at a time, round after round, so
that a slow minute hits all alike; times are compared round by round. Peak memory is the process's
own high-water mark, less that of a process that has loaded the libraries and no model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.__main__ import RESULTS, slug
from benchmarks.child import Child, whole
from benchmarks.interleave import Measured, interleave
from benchmarks.job import Job
from stages import cli
from study import settings as study_settings
from study.labels import FULL, LORA
from study.records import write_json
from study.settings import Settings
from study.sources import display_name

PLAIN = "bf16"
WAYS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "fp32": {"precision": "fp32"},
    "accumulation, 4 pieces": {"gradient_accumulation_steps": 4},
    "checkpointing": {"activation_checkpointing": True},
    "checkpointing, 4 pieces": {
        "gradient_accumulation_steps": 4,
        "activation_checkpointing": True,
    },
}
ON_GPU = {"offloaded frozen weights": {"offload_frozen": True}}
_NEUTRAL = {
    "precision": "bf16",
    "gradient_accumulation_steps": 1,
    "activation_checkpointing": False,
    "offload_frozen": False,
}
WARMUP, ROUNDS, STEPS = 3, 6, 4
_MIB = 1024**2


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {STEPS} steps each")
    parser.add_argument("--quick", action="store_true", help="few steps: shows that all works")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds: {given.rounds}; allowed: a whole number of at least 1")
    found = measure(study_settings.load(), 1 if given.quick else given.rounds)
    print(table(found))
    stem = ("quick-" if given.quick else "") + "memory-" + slug(found["machine"]["device"])
    write_json(given.out / f"{stem}.json", found)
    print(f"\nwritten: {given.out / stem}.json")


def measure(settings: Settings, rounds: int) -> dict[str, Any]:
    """Measure every way of both arms; return what the result file holds.

    Raises:
        StudyError: there are no prepared data, or a child failed.
    """
    peak = Child(Job("peak", sentences=1))
    try:
        peak.hear()
        machine = peak.finish()["machine"]
    finally:
        peak.stop()
    idle = whole(Job("idle"))["peak_memory_bytes"]
    ways = WAYS | (ON_GPU if machine["device_type"] == "cuda" else {})
    steps = WARMUP + rounds * STEPS
    arms = {}
    for arm, seeds in ((LORA, settings.seeds), (FULL, settings.seeds[:1])):
        jobs = {
            way: Job(
                "ours",
                arm,
                seeds,
                warmup=WARMUP,
                sample=steps,
                sentences=steps * settings.train.batch_size,
                train=_NEUTRAL | changes,
            )
            for way, changes in ways.items()
            if not (arm == FULL and "offload_frozen" in changes)
        }
        measured, _ = interleave(jobs, rounds, STEPS)
        arms[arm] = {way: _row(took, measured[PLAIN], idle) for way, took in measured.items()}
    return {
        "machine": machine,
        "settings": {
            "model": display_name(settings.model.name),
            "batch_size": settings.train.batch_size,
            "rank": settings.lora.rank,
            "lora_runs_together": len(settings.seeds),
            "rounds": rounds,
            "steps_a_round": STEPS,
        },
        "idle_memory_bytes": idle,
        "ways": ways,
        "arms": arms,
    }


def _row(took: Measured, plain: Measured, idle: int) -> dict[str, Any]:
    ratios = [own / other for own, other in zip(took.rounds, plain.rounds, strict=True)]
    own, others = took.peak_memory_bytes - idle, plain.peak_memory_bytes - idle
    return {
        "peak_memory_bytes": took.peak_memory_bytes,
        "peak_gpu_memory_bytes": took.peak_gpu_memory_bytes,
        "training_memory_bytes": own,
        "training_memory_ratio": own / others,
        "seconds_a_step": took.seconds,
        "time_ratio": median(ratios),
        "time_ratio_range": [min(ratios), max(ratios)],
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    gpu = found["machine"]["device_type"] == "cuda"
    lines = [
        "| arm | setting | peak, MiB | beyond the libraries, MiB | of plain "
        "| step, of plain (range) |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for arm, rows in found["arms"].items():
        for way, row in rows.items():
            low, high = row["time_ratio_range"]
            peak = row["peak_gpu_memory_bytes"] if gpu else row["peak_memory_bytes"]
            lines.append(
                f"| {arm} | {way} | {peak / _MIB:.0f} | {row['training_memory_bytes'] / _MIB:.0f} "
                f"| {row['training_memory_ratio']:.2f} "
                f"| {row['time_ratio']:.2f} ({low:.2f} to {high:.2f}) |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
