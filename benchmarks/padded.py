"""`python -m benchmarks.padded`: what a step takes as padded rows, over what it takes packed.

The study packs the sentences of models whose tokens mix in attention alone, and computes the others
as padded rows through their own forward. The default model can be computed both ways: its LoRA
steps, forward and backward, of the study's own batches go through both, one after the other, on one
thread. Processor seconds are compared pair by pair, so that a slow minute hits both alike.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.__main__ import RESULTS, slug
from benchmarks.data import load_data
from benchmarks.peak import machine
from lora.inject import adapter_parameters
from study.arms import lora
from study.batches import streams
from study.batches.feeds import TokenFeed
from study.batches.packing import PackedBatch
from study.entry import command
from study.models.packed import PackedClassifier, load_for
from study.records.json_file import write_json
from study.records.prepared import Batching, Prepared
from study.settings import whole
from study.settings.whole import Settings
from study.sources.resolve import display_name

WAYS: tuple[Batching, ...] = ("packed", "padded")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
WARMUP, STEPS = 3, 16
CPU = torch.device("cpu")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.padded", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    parser.add_argument("--quick", action="store_true", help="few steps: shows that all works")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(whole.load(), load_data(), *((1, 2) if given.quick else (WARMUP, STEPS)))
    print(table(found))
    stem = ("quick-" if given.quick else "") + "padded-" + slug(found["machine"]["device"])
    write_json(given.out / f"{stem}.json", found)
    print(f"\nwritten: {given.out / stem}.json")


def measure(settings: Settings, data: Prepared, warmup: int, steps: int) -> dict[str, Any]:
    """Measure one run, and the runs of all seeds together; return what the result file holds.

    Args:
        warmup: steps of each way that are not timed; steps: that are.
    """
    cases = {}
    for precision, dtype in PRECISIONS.items():
        for seeds in (settings.seeds[:1], settings.seeds):
            taken = pairs(settings, data, dtype, seeds, warmup + steps)[warmup:]
            cases[f"{precision}, {len(seeds)} together"] = compared(taken)
    return {
        "machine": machine(settings.train) | {"threads": 1},
        "settings": {
            "model": display_name(settings.model.name),
            "batch_size": settings.train.batch_size,
            "rank": settings.lora.rank,
            "steps": steps,
        },
        "cases": cases,
    }


def pairs(
    settings: Settings, data: Prepared, dtype: torch.dtype, seeds: Sequence[int], steps: int
) -> list[tuple[float, float]]:
    """Return the processor seconds of each step, (packed, padded), of the same batches."""
    both = [_step(settings, replace(data, batching=way), dtype, seeds) for way in WAYS]
    feed = TokenFeed(data, settings.train.batch_size, CPU, pooled=settings.model.dropout == 0)
    epochs = (feed.training(seeds, epoch) for epoch in itertools.count(1))
    batches = itertools.islice(itertools.chain.from_iterable(epochs), steps)
    taken = []
    for number, (batch,) in enumerate(batches):
        seconds = [0.0, 0.0]
        for way in ((0, 1), (1, 0))[number % 2]:  # they take turns in being the first
            started = time.process_time()
            both[way](batch)
            seconds[way] = time.process_time() - started
        taken.append((seconds[0], seconds[1]))
    return taken


def _step(
    settings: Settings, data: Prepared, dtype: torch.dtype, seeds: Sequence[int]
) -> Callable[[PackedBatch], None]:
    """Return what computes a batch's loss and its gradients, as data say that it is to be done."""
    model = load_for(data, settings.model.name, dtype, settings.model.dropout, CPU)
    classifier = PackedClassifier(model, seeds)
    config = lora.config_of(settings.lora, settings.lora.rank, settings.model.name)
    lora.adapt(model, [config] * len(seeds), seeds)
    classifier.train()
    heads = [classifier.get_parameter(name) for name in classifier.head_names]
    trained = [*adapter_parameters(model).values(), *heads]
    for parameter in trained:
        parameter.requires_grad_(True)
    generators = [streams.generator(seed, "dropout") for seed in seeds]

    def step(batch: PackedBatch) -> None:
        outputs = classifier(batch, generators)
        loss = classifier.objective.loss(outputs, batch.labels).sum()
        torch.autograd.grad(loss, trained)

    return step


def compared(taken: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the median ratio of pairs (packed, padded), its quartiles, and both ways' medians."""
    ratios = sorted(padded / packed for packed, padded in taken)
    quarter = len(ratios) // 4
    return {
        "ratio": median(ratios),
        "quartiles": [ratios[quarter], ratios[-1 - quarter]],
        "packed_seconds": median(packed for packed, _ in taken),
        "padded_seconds": median(padded for _, padded in taken),
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| LoRA runs | packed, ms | padded, ms | ratio (quartiles) |", "|---|--:|--:|--:|"]
    for name, row in found["cases"].items():
        low, high = row["quartiles"]
        own, other = (1e3 * row[f"{way}_seconds"] for way in WAYS)
        lines.append(
            f"| {name} | {own:.0f} | {other:.0f} | {row['ratio']:.2f} ({low:.2f} to {high:.2f}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    command.run(main)
