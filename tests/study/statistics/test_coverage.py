"""Intervals of metrics that are no mean over sentences, by their parts: simulated coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from study.metrics.measure import Measure, measure_named
from study.statistics.crossed import crossed_interval

Array = np.ndarray[Any, Any]
STUDIES, SEEDS, SENTENCES = 150, 3, 400


def drawn(rng: np.random.Generator, seeds: int, sentences: int, task: str) -> tuple[Array, Array]:
    """Return answers (seeds, sentences) and labels: sentences are hard or easy to all seeds alike.

    Three classes, of 70, 20 and 10 %; or a number that is heard with noise.
    """
    luck = 0.1 * rng.normal(size=(seeds, 1))
    hard, noise = rng.normal(size=sentences), 0.6 * rng.normal(size=(seeds, sentences))
    if task == "regression":
        truth = rng.normal(size=sentences)
        return (1 + luck) * truth + 0.5 * hard + noise, truth
    labels = rng.choice(3, sentences, p=(0.7, 0.2, 0.1))
    right = 0.6 + luck + hard + noise > 0
    other = (labels + rng.integers(1, 3, (seeds, sentences))) % 3
    return np.where(right, labels, other), labels


def parts(measure: Measure, answers: Array, labels: Array) -> Array:
    return np.stack([measure.parts(row, labels).astype(float) for row in answers])


@pytest.mark.parametrize(
    "name", ["balanced_accuracy", "macro_f1", "matthews", "pearson", "spearman", "rmse"]
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    measure = measure_named(name)
    rng = np.random.default_rng(11)
    truth = parts(measure, *drawn(rng, 200, 4000, measure.task)).mean()
    held, widths, means = [], [], []
    for _ in range(STUDIES):
        scores = parts(measure, *drawn(rng, SEEDS, SENTENCES, measure.task))
        interval = crossed_interval(scores, 0.95, counts=False)
        held.append(interval.low <= truth <= interval.high)
        widths.append(interval.high - interval.low)
        means.append(scores.mean())
    assert np.mean(held) > 0.9  # three standard errors below 95 %
    assert np.median(widths) < 12 * np.std(means)  # and they are no wider than few seeds ask for
