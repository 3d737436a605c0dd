"""Logits that fit made-up records of arms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from study.analyses.agreement.record import agreement, swept
from study.analyses.results.sweep import Results
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from tests.study.fake_records import fake_arm, fake_probe

STATISTICS = StatisticsSettings(
    confidence=0.95,
    resamples=200,
    seed=0,
    margins=(0.5, 1.0, 2.0),
    power=0.8,
    looks=None,
    budget=6,
    metric="auto",
)


def study(
    ranks: Sequence[int] = (1, 8),
    seeds: Sequence[int] = (0, 1, 2),
    num_sentences: int = 300,
    num_classes: int = 2,
) -> Results:
    def arm(kind: str, rank: int | None = None) -> ArmRecord:
        sizes = {"num_sentences": num_sentences, "num_classes": num_classes}
        return fake_arm(kind, rank, seeds=seeds, **sizes)

    lora = {rank: arm("lora", rank) for rank in sorted(ranks)}
    return Results(arm("head_only"), arm("full"), lora, lora[max(ranks)])


def logits_of(arm: ArmRecord) -> dict[int, NDArray[np.float32]]:
    """Logits by seed whose largest is the class that the run predicted."""
    found = {}
    for run in arm.picked():
        draw = np.random.default_rng([run.seed, arm.rank or 0, len(arm.arm)])
        chosen = np.array(run.test_predictions)
        logits = draw.normal(size=(len(chosen), len(arm.label_names)))
        logits[np.arange(len(chosen)), chosen] = logits.max(axis=1) + draw.exponential(
            size=len(chosen)
        )
        found[run.seed] = logits.astype(np.float32)
    return found


def all_logits(results: Results) -> dict[tuple[str, int | None], NDArray[np.float32]]:
    return {(arm.arm, arm.rank): np.stack(list(logits_of(arm).values())) for arm in swept(results)}


def record_of(results: Results) -> dict[str, Any]:
    """Return the whole record, with a made-up probe."""
    return agreement(results, fake_probe(results.head_only), all_logits(results), STATISTICS)


def write_logits(results: Results, folder: Path) -> None:
    """Write every arm's file as training does."""
    folder.mkdir(parents=True, exist_ok=True)
    for arm in swept(results):
        labels = np.array(arm.test_labels)
        tensors = {"labels/test": labels, "labels/validation": labels[:2]}
        for seed, logits in logits_of(arm).items():
            tensors |= {f"s{seed}/test": logits, f"s{seed}/validation": logits[:2].copy()}
        stem = arm.arm if arm.rank is None else f"{arm.arm}-r{arm.rank}"
        save_file(tensors, folder / f"{stem}.safetensors")
