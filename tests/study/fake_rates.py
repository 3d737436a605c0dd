"""A sweep over learning rates with given validation and test accuracies, seed by seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from study.analyses.results.sweep import Results
from study.records.runs import ArmRecord
from tests.study.fake_records import fake_arm

RATES = (0.001, 0.002, 0.004, 0.008, 0.016)

Table = Mapping[float, Sequence[float]]  # by rate, an accuracy a seed


def arm(
    kind: str, rank: int | None, validation: Table, test: Table | None = None, sentences: int = 1000
) -> ArmRecord:
    """Return an arm whose rate of the best mean validation accuracy is picked.

    Of the test sentences the first ones are right: two runs of one accuracy answer alike.
    """
    rates, seeds = list(validation), range(len(next(iter(validation.values()))))
    plain = fake_arm(kind, rank, seeds=seeds, num_sentences=sentences, learning_rates=rates)
    labels = np.array(plain.test_labels)
    runs = []
    for run in plain.runs:
        on_validation = validation[run.learning_rate][run.seed]
        on_test = on_validation if test is None else test[run.learning_rate][run.seed]
        right = round(on_test * sentences)
        predictions = np.where(np.arange(sentences) < right, labels, 1 - labels)
        runs.append(
            dataclasses.replace(
                run,
                validation_score=on_validation,
                test_score=right / sentences,
                test_predictions=tuple(predictions.tolist()),
            )
        )
    best = max(sorted(rates), key=lambda rate: np.mean(validation[rate]))
    return dataclasses.replace(plain, runs=tuple(runs), learning_rate=best)


def peaked(best: Sequence[float], rates: Sequence[float] = RATES, top: float = 0.8) -> Table:
    """Return accuracies that fall by a point for each doubling away from each seed's best rate."""
    return {
        rate: [top - 0.01 * abs(float(np.log2(rate / peak))) for peak in best] for rate in rates
    }


def sweep(lora: Mapping[int, ArmRecord], full: ArmRecord, sentences: int = 1000) -> Results:
    """Return the results of these arms; head-only has two rates."""
    seeds = len(full.picked())
    table = {0.1: [0.7] * seeds, 0.3: [0.71] * seeds}
    head_only = arm("head_only", None, table, sentences=sentences)
    return Results(head_only, full, dict(lora), next(iter(lora.values())))
