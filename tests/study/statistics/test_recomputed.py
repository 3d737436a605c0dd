"""A resample's metric is that of the drawn sentences; weighed parts come near if they are many."""

from __future__ import annotations

import numpy as np
import pytest

from study.metrics.measure import MEASURES, measure_named
from study.statistics.recomputed import recomputed
from study.statistics.resampling import Draws, draw, everything_once

MEANS = {"accuracy", "log_loss"}
EXACT = [name for of_task in MEASURES.values() for name in of_task if name not in MEANS]


def made(name: str, n: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return answers (2 arms, 2 seeds, n) and labels (n,); numbers are rounded: some tie."""
    stream = np.random.default_rng(n)
    if measure_named(name).task == "regression":
        labels = stream.normal(size=n).round(1)
        return (labels + 0.6 * stream.normal(size=(2, 2, n))).round(1), labels
    labels = stream.choice(classes, n, p=[0.6, 0.3, 0.1])
    wrong = stream.integers(0, classes, (2, 2, n))
    return np.where(stream.random((2, 2, n)) < 0.7, labels, wrong), labels


def drawn(num_seeds: int, n: int, resamples: int) -> Draws:
    chunks = list(draw(num_seeds, n, resamples, seed=1))
    return Draws(
        np.concatenate([each.times_seed for each in chunks]),
        np.concatenate([each.times_sentence for each in chunks]),
    )


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("n", [5, 40])
def test_it_is_the_metric_of_the_sentences_that_were_drawn(name: str, n: int) -> None:
    answers, labels = made(name, n)
    measure, draws = measure_named(name), drawn(2, n, 30)
    exact = recomputed(measure, answers, labels)
    assert exact is not None
    found = exact.merits(draws)
    assert found.shape == (2, 30)
    for k in range(30):
        rows = np.repeat(np.arange(n), draws.times_sentence[k].astype(int))
        for arm in range(2):
            values = [measure.value(of_seed[rows], labels[rows]) for of_seed in answers[arm]]
            expected = measure.merit(float(np.dot(draws.times_seed[k], values) / 2))
            assert found[arm, k] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", EXACT)
def test_weighing_the_parts_agrees_where_sentences_are_many(name: str) -> None:
    """They differ by what is of second order: it shrinks as 1 / n, and their spread as its root."""
    apart = {}
    for n in (100, 10_000):
        answers, labels = made(name, n)
        measure, draws = measure_named(name), drawn(2, n, 100)
        exact = recomputed(measure, answers, labels)
        assert exact is not None
        parts = measure.merits(
            np.array([[measure.parts(of, labels) for of in arm] for arm in answers])
        )
        weighed = np.einsum("asn,kn,ks->ak", parts, draws.times_sentence, draws.times_seed)
        difference = exact.merits(draws) - weighed / (2 * n)
        spread = exact.merits(draws).std(axis=1)
        apart[n] = float((np.abs(difference).mean(axis=1) / spread).max())
    assert apart[10_000] < 0.03
    assert apart[100] > 2 * apart[10_000]


@pytest.mark.parametrize("name", EXACT)
def test_without_resampling_it_is_the_metric(name: str) -> None:
    answers, labels = made(name, 60)
    measure = measure_named(name)
    exact = recomputed(measure, answers, labels)
    assert exact is not None
    values = [np.mean([measure.value(of, labels) for of in arm]) for arm in answers]
    found = exact.merits(everything_once(2, 60))[:, 0]
    assert found == pytest.approx([measure.merit(value) for value in values])
    assert exact.of([1]).merits(everything_once(2, 60))[0, 0] == pytest.approx(found[1])


def test_a_draw_in_which_nothing_varies_is_0_and_no_division_by_it() -> None:
    once = Draws(np.ones((1, 1)), np.array([[3.0, 0.0, 0.0]]))
    for name in ("pearson", "spearman", "matthews"):
        exact = recomputed(measure_named(name), np.array([[[0, 1, 1]]]), np.array([0, 1, 0]))
        assert exact is not None
        assert exact.merits(once)[0, 0] == 0


@pytest.mark.parametrize("name", sorted(MEANS))
def test_a_mean_is_not_computed_anew(name: str) -> None:
    assert recomputed(measure_named(name), np.zeros((1, 1, 3)), np.zeros(3)) is None
