"""The whole comparison: every arm, seed by seed, and which test sentences it got right."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

from lora.stacking import truncated
from study.analyses.capacity.adapters import adapter_predictions
from study.analyses.capacity.record import FULL, LARGEST, LORA, Arm, Comparison, Right
from study.analyses.capacity.tuned import tuned_arms
from study.analyses.results.sweep import Sweep, scores
from study.entry.errors import StudyError
from study.evaluation.attached import read_adapter
from study.evaluation.evaluator import Evaluator
from study.models.matrices import read_tuned
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.records.runs import RunRecord
from study.training.machine import compute_dtype

if TYPE_CHECKING:
    from study.settings.whole import Settings

ROUNDING = 0.02  # share of the sentences that another machine's rounding may decide otherwise

Predicted = dict[Arm, list[Tensor]]  # classes (num_sentences,) of each seed


def compare(
    settings: Settings, data: Prepared, results: Sweep, full: Path, adapters: Path
) -> Comparison:
    """Classify the test sentences with every arm, and those of validation with the truncated ones.

    Args:
        results: of the same study, as `study.analyses.results.sweep.read_sweep` gives them.
        full: folder of the tuned models, s{seed}.
        adapters: folder of the sweep's adapters, r{rank}/s{seed}.

    Raises:
        StudyError: a model or an adapter is missing, does not fit, or does not classify as its run
            did.
    """
    if results.full.test_labels != tuple(data.test.labels.tolist()):
        raise StudyError("data/prepared: other test sentences than metrics/runs; run `dvc repro`")
    ranks = sorted(settings.lora.ranks)
    largest = ranks[-1]
    total = len(settings.seeds) * (3 * len(ranks) + 3)
    with tqdm(total=total, desc="capacity", unit="arm", disable=None, dynamic_ncols=True) as bar:
        cut, reproduced = _adapters(settings, data, results, adapters, bar)
        targets = tuple(read_adapter(largest, settings.seeds[0], adapters).factors)
        evaluator = Evaluator(settings, data)
        of_full, on_validation, same = _full(evaluator, settings, data, results, targets, full, bar)
    right = _right(cut | of_full, data.test.labels)
    # Where there is a run's own record, it stands for the model: the same but for rounding.
    right |= {(LORA, rank): scores(results.lora[rank]) for rank in ranks}
    right |= {(FULL, None): scores(results.full), (LARGEST, largest): right[LORA, largest]}
    shapes = {name: (len(W), len(W.T)) for name, W in evaluator.matrices.items()}
    validation = _right(on_validation, data.validation.labels)
    return Comparison(right, validation, shapes, targets, {FULL: same, LORA: reproduced})


def _right(predicted: Predicted, labels: Tensor) -> dict[Arm, Right]:
    return {arm: torch.stack(rows).eq(labels).numpy() for arm, rows in predicted.items()}


def _full(
    evaluator: Evaluator,
    settings: Settings,
    data: Prepared,
    results: Sweep,
    targets: tuple[str, ...],
    folder: Path,
    bar: tqdm[None],
) -> tuple[Predicted, Predicted, list[int]]:
    """Return the arms of the tuned models on test and on validation, and how `FULL` was reproduced.

    That is how many test sentences each seed's has otherwise than its run.
    """
    ranks = sorted(settings.lora.ranks)
    sentences = data.train.first(settings.capacity.covariance_sentences)
    predicted: Predicted = defaultdict(list)
    on_validation: Predicted = defaultdict(list)
    differing = []
    for run in results.full.picked():
        tuned = read_tuned(run.seed, folder)
        for arm, found in tuned_arms(evaluator, tuned, ranks, targets, sentences):
            if arm == (FULL, None):
                path = folder / f"s{run.seed}"
                differing.append(_differing(found["test"], run, path, "full"))
            predicted[arm].append(found["test"])
            if "validation" in found:
                on_validation[arm].append(found["validation"])
            bar.update()
        _say(bar, f"capacity: full fine-tuning's update, seed {run.seed}, at {len(ranks)} ranks")
    return predicted, on_validation, differing


def _adapters(
    settings: Settings, data: Prepared, results: Sweep, folder: Path, bar: tqdm[None]
) -> tuple[Predicted, list[int]]:
    """Return the largest LoRA at every rank, and how many sentences it has otherwise than its run.

    The ranks of a seed share the passes over the base.
    """
    ranks = sorted(settings.lora.ranks)
    largest = ranks[-1]
    predicted: Predicted = defaultdict(list)
    differing = []
    dtype = compute_dtype(settings.train)
    model = load_for(data, settings.model.name, dtype)
    for run in results.lora[largest].picked():
        whole = read_adapter(largest, run.seed, folder)
        every = [truncated(whole, rank) for rank in ranks[:-1]]
        every.append(whole)  # as trained: what PiSSA learned is of twice the rank
        found = adapter_predictions(model, every, data, settings.train)
        path = folder / f"r{largest}" / f"s{run.seed}"
        differing.append(_differing(found[-1], run, path, f"lora@{largest}"))
        for rank, row in zip(ranks, found, strict=True):
            predicted[LARGEST, rank].append(row)
        bar.update(len(ranks))
        _say(bar, f"capacity: LoRA of rank {largest}, seed {run.seed}, at {len(ranks)} ranks")
    return predicted, differing


def _differing(found: Tensor, run: RunRecord, path: Path, stage: str) -> int:
    """Count the sentences that a rebuilt model classifies otherwise than its run did.

    Raises:
        StudyError: more than rounding explains.
    """
    differing = int((found != torch.tensor(run.test_predictions)).sum())
    if differing > math.ceil(ROUNDING * len(found)):
        raise StudyError(
            f"{path}: classifies {differing} of {len(found)} test sentences otherwise than its run "
            f"in metrics/runs did, so it is not that run's model; run `dvc repro {stage}`"
        )
    return differing


def _say(bar: tqdm[None], words: str) -> None:
    """Leave a line where there is no bar."""
    if bar.disable:
        print(words, flush=True)
