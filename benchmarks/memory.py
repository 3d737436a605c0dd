"""`python -m benchmarks.memory`: what each way of training within memory saves, and what it costs.

LoRA of all seeds together, with the study's batches and with four times as large ones, and full
fine-tuning train a few steps of the study's own sentences under each setting, each in a process of
its own. One process works at a time, round after round, so that a slow minute hits all alike; times
are compared round by round. Peak memory is the process's own high-water mark, and the same less
that of a process that has loaded the libraries and no model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.__main__ import RESULTS, slug
from benchmarks.child import Child, whole
from benchmarks.interleave import Measured, interleave
from benchmarks.job import Job
from study.entry import command
from study.records.arm_names import FULL, LORA
from study.records.json_file import write_json
from study.settings import whole as study_settings
from study.settings.whole import Settings
from study.sources.resolve import display_name

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
NEUTRAL = {
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
    plan = Plan(1, 1, 1) if given.quick else Plan(WARMUP, given.rounds, STEPS)
    found = measure(study_settings.load(), plan)
    print(table(found))
    stem = ("quick-" if given.quick else "") + "memory-" + slug(found["machine"]["device"])
    write_json(given.out / f"{stem}.json", found)
    print(f"\nwritten: {given.out / stem}.json")


class Plan(NamedTuple):
    """Steps that are not timed, rounds, and steps of a round."""

    warmup: int
    rounds: int
    steps: int


def measure(settings: Settings, plan: Plan) -> dict[str, Any]:
    """Measure every way of both arms; return what the result file holds.

    Raises:
        StudyError: there are no prepared data, too few of them, or a child failed.
    """
    peak = Child(Job("peak", sentences=1))
    try:
        peak.hear()
        machine = peak.finish()["machine"]
    finally:
        peak.stop()
    idle = whole(Job("idle"))["peak_memory_bytes"]
    ways = WAYS | (ON_GPU if machine["device_type"] == "cuda" else {})
    batch = settings.train.batch_size
    cases = {}
    for name, arm, seeds, sentences, steps in (
        ("lora", LORA, settings.seeds, batch, plan.steps),
        (f"lora, batches of {4 * batch}", LORA, settings.seeds, 4 * batch, 1),
        ("full", FULL, settings.seeds[:1], batch, plan.steps),
    ):
        total = plan.warmup + plan.rounds * steps
        jobs = {
            way: Job(
                "ours",
                arm,
                seeds,
                warmup=plan.warmup,
                sample=total,
                sentences=total * sentences,
                train={"batch_size": sentences} | NEUTRAL | changes,
            )
            for way, changes in ways.items()
            if not (arm == FULL and "offload_frozen" in changes)
        }
        measured, _ = interleave(jobs, plan.rounds, steps)
        cases[name] = {way: _row(took, measured[PLAIN], idle) for way, took in measured.items()}
    return {
        "machine": machine,
        "settings": {
            "model": display_name(settings.model.name),
            "batch_size": settings.train.batch_size,
            "rank": settings.lora.rank,
            "lora_runs_together": len(settings.seeds),
            "rounds": plan.rounds,
        },
        "idle_memory_bytes": idle,
        "ways": ways,
        "cases": cases,
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
        "| training | setting | peak, MiB | beyond the libraries, MiB | of plain "
        "| step, of plain (range) |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for name, rows in found["cases"].items():
        for way, row in rows.items():
            low, high = row["time_ratio_range"]
            peak = row["peak_gpu_memory_bytes"] if gpu else row["peak_memory_bytes"]
            lines.append(
                f"| {name} | {way} | {peak / _MIB:.0f} | {row['training_memory_bytes'] / _MIB:.0f} "
                f"| {row['training_memory_ratio']:.2f} "
                f"| {row['time_ratio']:.2f} ({low:.2f} to {high:.2f}) |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    command.run(main)
