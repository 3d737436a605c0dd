"""An arm that was trained again, held against what is committed of it.

On a machine of the same kind every byte is the same. Elsewhere a CPU sums in another order, and a
sentence on the edge gets the other class. Measured on the default study, bf16, against committed
records, which an Intel with AMX made on 2 threads (other test predictions of 3,000 a run; how far
means over seeds are apart at most, in points, on test and validation):

    the same, busy with other work                              lora@4      0         0     0
    OMP_NUM_THREADS=1                                           lora@4      4 to 9    .03   .03
    OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16       head_only   6 to 18   .14   .10
    an AMD with AVX512-BF16 instead                             all arms    4 to 59   .1    -

by `python -m stages.lora --rank 4` and `python -m stages.head_only` in a clone, so set.
In head_only 3 of 12 runs were best at another epoch. What is allowed is about three times as much.

What a record says of itself holds on any machine: its scores follow from the predictions, and
predictions from the logits. Where the study's metric is another than accuracy, nobody has measured
what other machines do to it, so that it is held against a machine of the same kind alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from study.metrics.measure import ACCURACY, LOG_LOSS, measure_named

PREDICTIONS = 0.05  # share of a run's test predictions that may be others
MEAN = 0.005  # accuracy, by which a mean over seeds may differ that SENTENCES were scored for
SENTENCES = 3000  # with fewer it may differ by more, as the chance errors of a share do
TEST, VALIDATION = "test_accuracy", "validation_accuracy"
FIXED = (
    *("arm", "rank", "learning_rates", "trainable_parameters", "head_parameters"),
    *("adapter_parameters", "total_parameters", "label_names", "test_labels"),
)


@dataclass(frozen=True)
class Arm:
    """What is kept of an arm: its record, parsed, and its logits, by name."""

    record: Mapping[str, Any]
    logits: Mapping[str, Any]

    @property
    def metric(self) -> str:
        """What its scores are of."""
        return str(self.record.get("metric", ACCURACY))

    def runs(self) -> dict[tuple[int, float], Mapping[str, Any]]:
        """Return the runs by seed and learning rate."""
        return {(run["seed"], run["learning_rate"]): run for run in self.record["runs"]}


def files(name: str) -> tuple[str, str]:
    """Return the paths of an arm's record and logits; `name` as files have it, such as lora-r4."""
    return f"metrics/runs/{name}.json", f"metrics/logits/{name}.safetensors"


def read(root: Path, name: str) -> Arm:
    """Read what `root` keeps of an arm."""
    record, logits = files(name)
    return Arm(json.loads((root / record).read_text(encoding="utf-8")), load_file(root / logits))


def inconsistencies(arm: Arm, name: str) -> Iterator[str]:
    """Yield what a record says of itself that cannot be, on any machine."""
    record, logits = files(name)
    measure = measure_named(arm.metric)
    for (seed, rate), run in arm.runs().items():
        where = f"{record}: seed {seed}, learning rate {rate:g}"
        predicted, labels = run["test_predictions"], np.asarray(arm.record["test_labels"])
        answers = np.asarray(run["test_losses"] if arm.metric == LOG_LOSS else predicted)
        given, told = measure.value(answers, labels), run[f"test_{arm.metric}"]
        if not np.isclose(given, told, rtol=0, atol=1e-12 if arm.metric == ACCURACY else 1e-6):
            yield f"{where}: test_{arm.metric} {told}, but its predictions give {given}"
        best = [p[arm.metric] for p in run["validation"] if p["epoch"] == run["best_epoch"]]
        key = f"validation_{arm.metric}"
        if best != [run[key]]:
            yield f"{where}: {key} is {run[key]}, but {best} then"
        if rate == arm.record["learning_rate"]:
            outputs = arm.logits[f"s{seed}/test"]
            again = outputs.argmax(axis=1) if arm.record["label_names"] else outputs[:, 0]
            others = int((~np.isclose(again, predicted, rtol=1e-6)).sum())
            if others:
                yield f"{where}: {others} of its test predictions are not those of {logits}"


def byte_differences(committed: Path, trained: Path, name: str) -> Iterator[str]:
    """Yield each file of the arm whose bytes are others, with the numbers that differ."""
    ours, theirs = read(committed, name), read(trained, name)
    record, logits = files(name)
    if (committed / record).read_bytes() != (trained / record).read_bytes():
        said = list(_numbers(ours.record, theirs.record))
        yield f"{record}: {'; '.join(said[:5]) or 'the same numbers, written otherwise'}" + (
            f"; and {len(said) - 5} more" if len(said) > 5 else ""
        )
    if (committed / logits).read_bytes() != (trained / logits).read_bytes():
        keys = [k for k in {**ours.logits, **theirs.logits} if not _equal(ours, theirs, k)]
        yield f"{logits}: {', '.join(keys) or 'the same numbers, written otherwise'} differ"


def beyond_tolerance(ours: Arm, theirs: Arm, name: str) -> Iterator[str]:
    """Yield what another kind of machine does not explain.

    A run whose best epoch is another one made its predictions elsewhere on its way: it counts in
    the means alone.
    """
    record, _ = files(name)
    for key in FIXED:
        if ours.record[key] != theirs.record[key]:
            yield f"{record}: {key} is {ours.record[key]}, trained again {theirs.record[key]}"
    if ours.runs().keys() != theirs.runs().keys():
        yield f"{record}: runs {list(ours.runs())}, trained again {list(theirs.runs())}"
        return
    if ours.metric != ACCURACY:
        yield (
            f"{record}: its scores are of {ours.metric}; what another kind of machine does to them "
            "was measured for accuracy alone, so compare on a machine of the same kind"
        )
        return
    most = allowed_predictions(ours)
    for run, others in other_predictions(ours, theirs).items():
        if others > most:
            yield (
                f"{record}: seed {run[0]}, learning rate {run[1]:g}: {others} of "
                f"{_sentences(ours)} test predictions are others; allowed: {most}"
            )
    for score, rate, one, other in _means(ours, theirs):
        if abs(one - other) > allowed_gap(ours, score):
            yield (
                f"{record}: mean {score} at learning rate {rate:g} is {100 * one:.2f} %, trained "
                f"again {100 * other:.2f} %; allowed: {100 * allowed_gap(ours, score):.2g} points "
                "apart"
            )
    if ours.record["learning_rate"] != theirs.record["learning_rate"]:
        at = {rate: one for score, rate, one, _ in _means(ours, theirs) if score == VALIDATION}
        picked = [at[arm.record["learning_rate"]] for arm in (ours, theirs)]
        if abs(picked[0] - picked[1]) > allowed_gap(ours, VALIDATION):
            yield (
                f"{record}: learning_rate {ours.record['learning_rate']:g} was picked, trained "
                f"again {theirs.record['learning_rate']:g}, and validation tells them apart"
            )


def allowed_predictions(arm: Arm) -> int:
    """Return how many of a run's test predictions may be others on another kind of machine."""
    return max(1, round(PREDICTIONS * _sentences(arm)))


def allowed_gap(arm: Arm, score: str) -> float:
    """Return by how much a mean may differ on another kind of machine.

    Args:
        score: `TEST` or `VALIDATION`.
    """
    split = {TEST: "test", VALIDATION: "validation"}[score]
    return MEAN * math.sqrt(max(1.0, SENTENCES / len(arm.logits[f"labels/{split}"])))


def other_predictions(ours: Arm, theirs: Arm) -> dict[tuple[int, float], int]:
    """Count the test predictions that differ, by run; runs of the same best epoch alone."""
    return {
        key: sum(map(int.__ne__, run["test_predictions"], again["test_predictions"]))
        for key, run in ours.runs().items()
        for again in [theirs.runs()[key]]
        if run["best_epoch"] == again["best_epoch"]
    }


def largest_gap(ours: Arm, theirs: Arm) -> float:
    """Return by how much the arms' mean test accuracies differ at most, over learning rates."""
    return max(abs(a - b) for score, _, a, b in _means(ours, theirs) if score == TEST)


def _means(ours: Arm, theirs: Arm) -> Iterator[tuple[str, float, float, float]]:
    for rate in {at: None for _, at in ours.runs()}:  # not those that early exit dropped
        for score in (TEST, VALIDATION):
            one, other = (
                fmean(run[score] for (_, at), run in arm.runs().items() if at == rate)
                for arm in (ours, theirs)
            )
            yield score, rate, one, other


def _sentences(arm: Arm) -> int:
    return len(arm.record["test_labels"])


def _equal(ours: Arm, theirs: Arm, key: str) -> bool:
    one, other = ours.logits.get(key), theirs.logits.get(key)
    return one is not None and other is not None and np.array_equal(one, other)


def _numbers(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """Yield what differs between two JSON values; of a long list how many of its entries do."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            yield from _numbers(ours.get(key), theirs.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        if any(isinstance(item, dict) for item in ours):
            for i, pair in enumerate(zip(ours, theirs, strict=True)):
                yield from _numbers(*pair, f"{where}[{i}]")
        elif ours != theirs:
            others = sum(a != b for a, b in zip(ours, theirs, strict=True))
            yield f"{others} of {len(ours)} in {where}"
    elif ours != theirs:
        yield f"{where} {ours}, trained again {theirs}"
