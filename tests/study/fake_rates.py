"""A sweep over learning rates with given validation and test accuracies, seed by seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from study.analyses.results.sweep import Results
from study.records.early_exit import EarlyExit, Standing
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


def exited(record: ArmRecord, *gone: float) -> ArmRecord:
    """Drop rates after a quarter of the steps, where all stood 10 points lower than at the end.

    Of those that are left the best is picked.
    """
    rows = []
    for rate in sorted(record.learning_rates):
        runs = record.at(rate)
        score = float(np.mean([run.validation_score for run in runs])) - 0.1
        rows.append(Standing(rate, score, 0.5, rate in gone))
    left = [row for row in rows if not row.dropped]
    saved = 0.75 * len(gone) / len(rows)
    return dataclasses.replace(
        record,
        learning_rate=max(left, key=lambda row: row.score or 0.0).learning_rate,
        runs=tuple(run for run in record.runs if run.learning_rate not in gone),
        early_exit=EarlyExit(5, 20, "accuracy", saved, tuple(rows)),
    )


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
