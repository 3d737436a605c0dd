"""A study's records, made up: small, consistent with each other, and of two classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from safetensors.numpy import save_file

from study.metrics.measure import ACCURACY
from study.probes.record import KindRecord, LinearProbe
from study.records import prepared
from study.records.checked import CHECKED, write_checked
from study.records.json_file import write_json
from study.records.prepared import Prepared, Split
from study.records.runs import ArmRecord, Evaluation, RunRecord

SENTENCES, CLASSES = 12, ("bad", "good")
ARMS = {"head_only": None, "full": None, "lora-r1": 1, "lora-r2": 2}
# By stage aggregate.
PLOTS = ("plots/rank_curve.json", "plots/pareto.json", "plots/dynamics.json")
WRITTEN = ("metrics/summary.json", *PLOTS)


def write_study(folder: Path, seed: int) -> None:
    """Write below `folder` what aggregate reads, and what others do; `seed` draws all of it."""
    draw = np.random.default_rng(seed)
    labels = tuple(draw.permutation([0, 1] * (SENTENCES // 2)).tolist())
    for name, rank in ARMS.items():
        record = arm_record(draw, name.partition("-")[0], rank, labels)
        write_json(folder / f"metrics/runs/{name}.json", record.to_json())
        if name == "lora-r2":
            write_json(folder / "metrics/headline.json", record.to_json())
    write_json(folder / "metrics/linear_probe.json", _probe(draw, labels).to_json())
    write_checked(folder / CHECKED, "packed", "fit")
    (folder / "metrics/logits").mkdir()
    logits: dict[str, Any] = {f"s{s}/test": _logits(draw) for s in (0, 1)}
    logits |= {f"s{s}/validation": _logits(draw) for s in (0, 1)}
    logits |= {f"labels/{split}": np.array(labels) for split in ("test", "validation")}
    save_file(logits, folder / "metrics/logits/full.safetensors")
    splits: dict[str, Any] = {name: split(draw, labels) for name in prepared.SPLITS}
    made = Prepared(**splits, label_names=CLASSES, model_name="m", max_length=8, pad_token_id=0)
    prepared.save(made, folder / "data/prepared")


def arm_record(
    draw: Generator,
    arm: str,
    rank: int | None,
    labels: tuple[int, ...],
    predictions: tuple[int, ...] | None = None,
) -> ArmRecord:
    """Return an arm's record of two rates and two seeds; `predictions` of all runs, if given."""
    runs = [
        _run(seed, rate, labels, predictions or _predictions(draw, labels))
        for rate in (0.01, 0.1)
        for seed in (0, 1)
    ]
    head, adapter, total = 10, 8 * (rank or 0), 100
    return ArmRecord(
        arm=arm,
        rank=rank,
        learning_rates=(0.01, 0.1),
        learning_rate=0.1,
        trainable_parameters=total if arm == "full" else head + adapter,
        head_parameters=head,
        adapter_parameters=adapter,
        total_parameters=total,
        label_names=CLASSES,
        test_labels=labels,
        runs=tuple(runs),
    )


def _run(
    seed: int, rate: float, labels: tuple[int, ...], predictions: tuple[int, ...]
) -> RunRecord:
    points = [Evaluation(epoch, 2 * epoch, 0.5 + 0.1 * epoch, 0.7) for epoch in (1, 2)]
    return RunRecord(
        seed=seed,
        learning_rate=rate,
        best_epoch=2,
        validation_score=points[-1].score,
        test_score=float(np.mean(np.array(predictions) == labels)),
        test_predictions=predictions,
        loss_steps=(1, 2, 3, 4),
        loss_values=(0.9, 0.8, 0.7, 0.6),
        validation=tuple(points),
    )


def _predictions(draw: Generator, labels: tuple[int, ...]) -> tuple[int, ...]:
    wrong = draw.random(len(labels)) < 0.25
    return tuple((np.array(labels) ^ wrong).tolist())


def _probe(draw: Generator, labels: tuple[int, ...]) -> LinearProbe:
    predictions = _predictions(draw, labels)
    return LinearProbe(
        state="mean",
        c=0.1,
        validation_score=0.75,
        test_score=float(np.mean(np.array(predictions) == labels)),
        trainable_parameters=12,
        total_parameters=102,
        states=(KindRecord("mean", 0.1, 0.75),),
        left_out={"pooled": "there is none"},
        label_names=CLASSES,
        test_labels=labels,
        validation_predictions=predictions,
        test_predictions=predictions,
        metric=ACCURACY,
    )


def _logits(draw: Generator) -> np.ndarray[Any, Any]:
    return draw.normal(size=(SENTENCES, len(CLASSES))).astype(np.float32)


def split(draw: Generator, labels: tuple[int, ...]) -> Split:
    """Return sentences of three tokens."""
    lengths = torch.full((len(labels),), 3, dtype=torch.int32)
    ids = torch.from_numpy(draw.integers(5, 60, 3 * len(labels)).astype(np.int32))
    return Split(ids, lengths, torch.tensor(labels))
