"""Each metric against scikit-learn and SciPy, and its parts against what a sentence really does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from scipy.special import softmax

from study.metrics.measure import AUTO, MEASURES, Measure, measure_named, measure_of
from study.settings.statistics import METRICS

Array = np.ndarray[Any, Any]
LOGITS = np.random.default_rng(0).normal(size=(200, 4))
LOGITS[:, 3] -= 9  # a class that is never told
CLASSES = np.where(
    np.random.default_rng(1).random(200) < 0.6,
    LOGITS.argmax(axis=1),
    np.random.default_rng(2).integers(0, 4, 200),
)
NUMBERS = np.round(np.random.default_rng(3).normal(size=200), 1)  # with ties
OUTPUTS = NUMBERS[:, None] + np.random.default_rng(4).normal(size=(200, 1)).round(1)

REFERENCE: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": lambda x, y: sklearn.metrics.accuracy_score(y, x.argmax(1)),
    "balanced_accuracy": lambda x, y: sklearn.metrics.balanced_accuracy_score(y, x.argmax(1)),
    "macro_f1": lambda x, y: sklearn.metrics.f1_score(y, x.argmax(1), average="macro"),
    "matthews": lambda x, y: sklearn.metrics.matthews_corrcoef(y, x.argmax(1)),
    "log_loss": lambda x, y: sklearn.metrics.log_loss(y, softmax(x, axis=1), labels=range(4)),
    "pearson": lambda x, y: scipy.stats.pearsonr(x[:, 0], y).statistic,
    "spearman": lambda x, y: scipy.stats.spearmanr(x[:, 0], y).statistic,
    "rmse": lambda x, y: sklearn.metrics.root_mean_squared_error(y, x[:, 0]),
}
each = pytest.mark.parametrize("name", REFERENCE)


def data_of(measure: Measure) -> tuple[Array, Array]:
    return (LOGITS, CLASSES) if measure.task == "classification" else (OUTPUTS, NUMBERS)


def test_the_settings_name_every_measure_and_no_other() -> None:
    assert {task: tuple(of_task) for task, of_task in MEASURES.items()} == METRICS
    assert {name for of_task in METRICS.values() for name in of_task} == set(REFERENCE)
    assert [measure_of(task, AUTO).name for task in MEASURES] == ["accuracy", "pearson"]


@each
def test_the_value_is_the_libraries(name: str) -> None:
    measure = measure_named(name)
    outputs, labels = data_of(measure)
    value = measure.value(measure.answers(outputs, labels), labels)
    assert value == pytest.approx(REFERENCE[name](outputs, labels), abs=1e-12)
    assert measure.least <= value <= measure.most


@each
def test_a_part_is_what_more_sentences_like_it_would_do(name: str) -> None:
    measure = measure_named(name)
    outputs, labels = data_of(measure)
    parts = measure.parts(measure.answers(outputs, labels), labels).astype(float)
    whole = REFERENCE[name](outputs, labels)
    often = 60  # copies of all, so that one more is a small share
    for i in range(0, 200, 23):
        more = np.append(np.tile(np.arange(200), often), i)
        moved = REFERENCE[name](outputs[more], labels[more]) - whole
        assert moved * len(more) == pytest.approx(parts[i] - whole, abs=2e-3)


@pytest.mark.parametrize("name", ["matthews", "pearson", "spearman"])
def test_one_answer_for_all_correlates_with_nothing(name: str) -> None:
    measure = measure_named(name)
    labels = data_of(measure)[1]
    assert not measure.parts(np.zeros_like(labels), labels).any()


def test_numbers_that_are_exact_have_no_error() -> None:
    assert not measure_named("rmse").parts(NUMBERS, NUMBERS).any()


@each
def test_merits_are_higher_for_better_answers_and_a_hundredth_is_a_point(name: str) -> None:
    measure = measure_named(name)
    outputs, labels = data_of(measure)
    perfect = 9.0 * np.eye(4)[labels] if measure.task == "classification" else labels[:, None]
    own, best = (
        measure.merits(measure.parts(measure.answers(x, labels), labels)).mean()
        for x in (outputs, perfect)
    )
    assert own < best
    gain = measure.merit(0.52) - measure.merit(0.5)
    own_unit = name in ("log_loss", "rmse")
    assert 100 * gain == pytest.approx(-0.02 if own_unit else 2.0)
