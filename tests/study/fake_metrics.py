"""The made-up records again, by another metric or of numbers instead of classes."""

from __future__ import annotations

import dataclasses

import numpy as np

from study.analyses.results.sweep import Results
from study.metrics.measure import LOG_LOSS, REGRESSION, Measure, measure_named
from study.probes.record import LinearProbe
from study.records.runs import ArmRecord, RunRecord


def by_metric(record: ArmRecord, name: str) -> ArmRecord:
    """Return a record of `fake_arm` whose scores are by another metric.

    Of a regression every class is a number: true ones have a normal error of their own, and a right
    answer is nearer than a wrong one. Scores on validation stay what they are.
    """
    measure = measure_named(name)
    labels = _numbers(record.test_labels) if measure.task == REGRESSION else record.test_labels
    runs = tuple(_run(run, measure, labels, record.test_labels) for run in record.runs)
    names = () if measure.task == REGRESSION else record.label_names
    return dataclasses.replace(
        record, metric=name, label_names=names, test_labels=labels, runs=runs
    )


def results_by(results: Results, name: str) -> Results:
    """Return all arms by another metric."""
    return Results(
        by_metric(results.head_only, name),
        by_metric(results.full, name),
        {rank: by_metric(record, name) for rank, record in results.lora.items()},
        by_metric(results.headline, name),
    )


def probe_by(probe: LinearProbe, beside: ArmRecord) -> LinearProbe:
    """Return a linear probe by the metric of an arm, and tested on its sentences."""
    measure = measure_named(beside.metric)
    answers, more = _answers(probe.test_predictions, measure, probe.test_labels)
    score = measure.value(np.array(answers), np.array(beside.test_labels))
    return dataclasses.replace(
        probe,
        metric=beside.metric,
        label_names=beside.label_names,
        test_labels=beside.test_labels,
        test_score=score,
        **({"test_losses": answers} if more else {"test_predictions": answers}),
    )


def _run(
    run: RunRecord, measure: Measure, labels: tuple[float, ...], classes: tuple[float, ...]
) -> RunRecord:
    answers, more = _answers(run.test_predictions, measure, classes)
    score = measure.value(np.array(answers), np.array(labels))
    more_fields = {"test_losses": answers} if more else {"test_predictions": answers}
    return dataclasses.replace(run, test_score=score, **more_fields)


def _answers(
    predicted: tuple[float, ...], measure: Measure, classes: tuple[float, ...]
) -> tuple[tuple[float, ...], bool]:
    """Return what is measured of predicted classes, and whether it is a loss."""
    if measure.name == LOG_LOSS:
        right = np.array(predicted) == np.array(classes)
        return tuple(np.where(right, 0.2, 1.7).tolist()), True
    return (_numbers(predicted) if measure.task == REGRESSION else predicted), False


def _numbers(classes: tuple[float, ...]) -> tuple[float, ...]:
    noise = np.random.default_rng(11).normal(size=len(classes)) * 0.3
    return tuple((np.array(classes) + noise).tolist())
