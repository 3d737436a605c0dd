"""Arm records as training would write them, made up: deterministic, and of any size.

Every test sentence has a difficulty that all arms share and every seed a luck that all arms share,
so that arms are correlated over both as real ones are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from study.probes.record import KindRecord, LinearProbe
from study.records.json_file import write_json
from study.records.runs import ArmRecord, Evaluation, RunRecord, read_arm
from study.settings.seeds import seeds_of
from study.settings.whole import Settings

HIDDEN = 384
BASE_PARAMETERS = 22_713_216
PER_RANK = 9_216
EPOCHS = 3
STEPS = 375


def fake_arm(
    arm: str,
    rank: int | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    num_sentences: int = 3000,
    num_classes: int = 2,
    learning_rates: Sequence[float] = (1e-3, 3e-3),
    accuracy: float | None = None,
) -> ArmRecord:
    """Return an arm whose first learning rate is the better one."""
    expected = _expected(arm, rank) if accuracy is None else accuracy
    labels = np.random.default_rng(99).integers(0, num_classes, num_sentences)
    head = num_classes * (HIDDEN + 1)
    adapter = PER_RANK * (rank or 0)
    total = BASE_PARAMETERS + head
    runs = tuple(
        _run(arm, rank, seed, rate, expected - 0.03 * worse, labels, num_classes)
        for worse, rate in enumerate(learning_rates)
        for seed in seeds
    )
    return ArmRecord(
        arm=arm,
        rank=rank,
        learning_rates=tuple(learning_rates),
        learning_rate=learning_rates[0],
        trainable_parameters=total if arm == "full" else head + adapter,
        head_parameters=head,
        adapter_parameters=adapter,
        total_parameters=total,
        label_names=tuple(f"a class of long name, number {i}" for i in range(num_classes)),
        test_labels=tuple(labels.tolist()),
        runs=runs,
    )


def fake_probe(
    beside: ArmRecord, *, accuracy: float = 0.7, validation: float = 0.9, state: str = "mean"
) -> LinearProbe:
    """Return a linear probe, tested on an arm's sentences; by default better than head-only."""
    labels, names = beside.test_labels, beside.label_names
    truth, own = np.array(labels), np.random.default_rng(5)
    ease = np.random.default_rng(7).normal(size=len(truth)) * 1.7
    right = ease + own.normal(size=len(truth)) > -ndtri(accuracy) * np.sqrt(1 + 1.7**2)
    wrong = (truth + own.integers(1, len(names), len(truth))) % len(names)
    predictions = np.where(right, truth, wrong)
    coefficients = (HIDDEN + 1) * (1 if len(names) == 2 else len(names))
    return LinearProbe(
        state=state,
        c=0.01,
        validation_score=validation,
        test_score=float(np.mean(predictions == truth)),
        trainable_parameters=coefficients,
        total_parameters=BASE_PARAMETERS + coefficients,
        states=(KindRecord("first", 0.1, 0.6), KindRecord(state, 0.01, validation)),
        left_out={"pooled": "there is none"},
        label_names=names,
        test_labels=labels,
        validation_predictions=(0,),  # of whatever sentences
        test_predictions=tuple(predictions.tolist()),
    )


def write_study(
    folder: Path,
    settings: Settings,
    *,
    num_sentences: int = 3000,
    num_classes: int = 2,
) -> None:
    """Write the records of every arm that the settings name below `folder`, as the stages do."""

    def write(name: str, arm: str, rank: int | None = None, block: int = 0) -> None:
        record = fake_arm(
            arm,
            rank,
            seeds=seeds_of(settings.seeds, block),
            num_sentences=num_sentences,
            num_classes=num_classes,
        )
        write_json(folder / name, record.to_json())

    for block in settings.blocks:
        for arm in ("head_only", "full"):
            write(f"blocks/runs/{arm}-b{block}.json", arm, block=block)
        for rank in settings.lora.ranks:
            write(f"blocks/runs/lora-r{rank}-b{block}.json", "lora", rank, block)

    write("runs/head_only.json", "head_only")
    probe = fake_probe(read_arm(folder / "runs/head_only.json"))
    write_json(folder / "linear_probe.json", probe.to_json())
    write("runs/full.json", "full")
    for rank in settings.lora.ranks:
        write(f"runs/lora-r{rank}.json", "lora", rank)
    write("headline.json", "lora", settings.lora.rank)


def with_study(
    settings: Settings, *, seeds: Sequence[int], ranks: Sequence[int], rank: int
) -> Settings:
    """Return the settings with other seeds and ranks."""
    lora = dataclasses.replace(settings.lora, ranks=tuple(ranks), rank=rank)
    return dataclasses.replace(settings, seeds=tuple(seeds), blocks=(), lora=lora)


def _expected(arm: str, rank: int | None) -> float:
    if rank is None:
        return {"head_only": 0.66, "full": 0.825}[arm]
    return 0.818 - 0.014 / rank


def _run(
    arm: str,
    rank: int | None,
    seed: int,
    rate: float,
    expected: float,
    labels: np.ndarray,
    num_classes: int,
) -> RunRecord:
    own = np.random.default_rng([seed, rank or 0, len(arm), int(rate * 1e6)])
    ease = np.random.default_rng(7).normal(size=len(labels)) * 1.7
    luck = np.random.default_rng(seed).normal() * 0.03
    noise = own.normal(size=len(labels))
    right = ease + noise + luck > -ndtri(expected) * np.sqrt(1 + 1.7**2)
    wrong = (labels + own.integers(1, num_classes, len(labels))) % num_classes
    predictions = np.where(right, labels, wrong)
    epochs = 30 if arm == "head_only" else EPOCHS
    last = epochs * STEPS // EPOCHS
    steps = np.arange(10, last + 1, 10)
    floor = (1 - expected) * 1.6
    losses = floor + (np.log(num_classes) - floor) * np.exp(-steps / (0.15 * last))
    validation = [
        Evaluation(
            epoch=epoch,
            step=epoch * STEPS // EPOCHS,
            score=float(expected - (expected - 1 / num_classes) * 0.25 ** (4 * epoch / epochs))
            + float(own.normal() * 0.004),
            loss=float(floor + 0.3 / epoch),
        )
        for epoch in range(1, epochs + 1)
    ]
    best = max(validation, key=lambda point: (point.score, -point.loss))
    return RunRecord(
        seed=seed,
        learning_rate=rate,
        best_epoch=best.epoch,
        validation_score=best.score,
        test_score=float(np.mean(predictions == labels)),
        test_predictions=tuple(predictions.tolist()),
        loss_steps=tuple(steps.tolist()),
        loss_values=tuple((losses + own.normal(size=len(steps)) * 0.04).tolist()),
        validation=tuple(validation),
    )
