"""The whole comparison: every arm, seed by seed, and what each test sentence is worth to it."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lora.stacking import truncated
from study.analyses.capacity.adapters import adapter_logits
from study.analyses.capacity.record import FULL, LARGEST, LORA, Arm, Comparison
from study.analyses.capacity.tuned import tuned_arms
from study.analyses.results.sweep import Sweep, measure_in, merits
from study.entry.errors import StudyError
from study.evaluation.attached import read_adapter
from study.evaluation.evaluator import Evaluator
from study.metrics.measure import Measure
from study.models.matrices import read_tuned
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.records.runs import RunRecord
from study.statistics.resampling import Scores
from study.training.machine import compute_dtype, device

if TYPE_CHECKING:
    from study.settings.whole import Settings

ROUNDING = 0.02  # share of the sentences that another machine's rounding may decide otherwise

ROUNDED = 0.01  # of the standard deviation of a run's numbers, by which one may be off

Predicted = dict[Arm, list[Tensor]]  # logits (num_sentences, num_labels) of each seed


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
    measure = measure_in(results.full)
    found = _merits(cut | of_full, data.test.labels, measure)
    # Where there is a run's own record, it stands for the model: the same but for rounding.
    found |= {(LORA, rank): merits(results.lora[rank]) for rank in ranks}
    found |= {(FULL, None): merits(results.full), (LARGEST, largest): found[LORA, largest]}
    shapes = {name: (len(W), len(W.T)) for name, W in evaluator.matrices.items()}
    validation = _merits(on_validation, data.validation.labels, measure)
    differing = {FULL: same, LORA: reproduced}
    return Comparison(found, validation, shapes, targets, differing, measure)


def _merits(given: Predicted, labels: Tensor, measure: Measure) -> dict[Arm, Scores]:
    true = labels.numpy()

    def parts(logits: Tensor) -> Scores:
        return measure.parts(measure.answers(logits.numpy(), true), true)

    return {
        arm: measure.merits(np.stack([parts(logits) for logits in rows]))
        for arm, rows in given.items()
    }


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
    model = load_for(data, settings.model.name, dtype, device=device(settings.train))
    for run in results.lora[largest].picked():
        whole = read_adapter(largest, run.seed, folder)
        every = [truncated(whole, rank) for rank in ranks[:-1]]
        every.append(whole)  # as trained: what PiSSA learned is of twice the rank
        found = adapter_logits(model, every, data, settings.train)
        path = folder / f"r{largest}" / f"s{run.seed}"
        differing.append(_differing(found[-1], run, path, f"lora@{largest}"))
        for rank, row in zip(ranks, found, strict=True):
            predicted[LARGEST, rank].append(row)
        bar.update(len(ranks))
        _say(bar, f"capacity: LoRA of rank {largest}, seed {run.seed}, at {len(ranks)} ranks")
    return predicted, differing


def _differing(found: Tensor, run: RunRecord, path: Path, stage: str) -> int:
    """Count the sentences that a rebuilt model answers otherwise than its run did.

    A number counts as another one if it lies off by more than a hundredth of the numbers' spread.

    Raises:
        StudyError: more than rounding explains.
    """
    before = torch.tensor(run.test_predictions)
    if found.shape[-1] == 1:
        differing = int(((found[:, 0] - before).abs() > ROUNDED * before.std()).sum())
    else:
        differing = int((found.argmax(dim=-1) != before).sum())
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
