"""What a study can show is told before it trains, and agrees with simulated studies."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.results.sweep import merits
from study.analyses.sufficiency.answer import verdict
from study.analyses.sufficiency.foreseen import (
    OUT_OF_REACH,
    USUAL,
    beforehand,
    chance_beforehand,
)
from study.analyses.sufficiency.planning import Components
from study.analyses.sufficiency.usual import factor, usual
from study.metrics.measure import measure_named
from study.statistics.crossed import crossed, paired
from tests.study.fake_metrics import by_metric
from tests.study.fake_records import fake_arm

ALPHA = 0.025
ACCURACY = measure_named("accuracy")


def simulated(num_seeds: int, num_sentences: int, margin: float, studies: int) -> float:
    """The share of studies that show a rank within a margin that truly equals full fine-tuning."""
    stream = np.random.default_rng(0)
    shown = 0
    for _ in range(studies):
        seeds = stream.normal(0, USUAL.of_seed**0.5, (num_seeds, 1))
        sentences = stream.normal(0, USUAL.of_sentence**0.5, (1, num_sentences))
        rest = stream.normal(0, USUAL.of_rest**0.5, (num_seeds, num_sentences))
        measured = crossed(seeds + sentences + rest, counts=False)
        mean, half = (100 * float(x[0]) for x in (measured.mean, measured.half_width(ALPHA)))
        shown += verdict(mean - half, mean + half, margin) == "equivalent"
    return shown / studies


@pytest.mark.parametrize(
    ("seeds", "sentences", "margin"), [(3, 3000, 2.0), (3, 3000, 1.0), (5, 1000, 2.0)]
)
def test_the_chance_is_that_of_simulated_studies(seeds, sentences, margin):
    told = chance_beforehand(seeds, sentences, margin, ALPHA)
    assert simulated(seeds, sentences, margin, 300) == pytest.approx(told, abs=0.09)


def test_more_of_anything_helps_and_one_sentence_tells_nothing():
    chances = [
        chance_beforehand(seeds, sentences, margin, ALPHA)
        for seeds, sentences, margin in ((2, 1000, 2), (3, 1000, 2), (5, 3000, 2), (8, 3000, 3))
    ]
    assert chances == sorted(chances)
    assert chance_beforehand(3, 1, 2.0, ALPHA) == 0


def test_what_cannot_be_shown_is_not_asked():
    words = beforehand(3, 3000, (2.0, 0.5, 1.0), 0.95, ACCURACY)
    assert "0 % within 0.5 points, 8 % within 1 point and 71 % within 2 points" in words
    assert "do not expect an answer about 0.5 points or 1 point" in words
    assert chance_beforehand(3, 3000, 1.0, ALPHA) < OUT_OF_REACH
    assert "do not expect" not in beforehand(8, 4500, (1.0, 2.0), 0.95, ACCURACY)


@pytest.mark.parametrize(
    ("metric", "shares", "told"),
    [
        ("accuracy", (0.9, 0.1), 1.0),
        ("balanced_accuracy", (0.5, 0.5), 1.0),
        ("balanced_accuracy", (0.9, 0.1), (0.25 / 0.9 + 0.25 / 0.1) ** 0.5),
        ("macro_f1", (0.25,) * 4, 1.0),
        ("matthews", (0.5, 0.5), 2.0),
        ("matthews", (0.25,) * 4, 4 / 3),
    ],
)
def test_one_answer_moves_a_metric_by_its_own_share(metric, shares, told):
    """Where classes are equally common Matthews' correlation is (K accuracy - 1) / (K - 1)."""
    assert factor(measure_named(metric), shares) == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "matthews"])
def test_the_variances_are_as_many_times_accuracys_as_is_told(metric):
    """On answers of three classes, of which one is never asked about how they were made."""

    def pooled(name: str) -> Components:
        arms = [by_metric(fake_arm(*arm, num_classes=3), name) for arm in ARMS]
        full, *lora = map(merits, arms)
        parts = [Components.estimated(paired(arm, full)) for arm in lora]
        return Components(*np.mean([(p.of_seed, p.of_sentence, p.of_rest) for p in parts], axis=0))

    squared = factor(measure_named(metric), (1 / 3,) * 3) ** 2
    of_metric, of_accuracy = pooled(metric), pooled("accuracy")
    assert of_metric.of_rest == pytest.approx(squared * of_accuracy.of_rest, rel=0.2)
    assert of_metric.of_sentence == pytest.approx(squared * of_accuracy.of_sentence, rel=0.2)


ARMS = [("full", None), *(("lora", rank) for rank in (1, 2, 4, 8))]


def test_a_metric_that_moves_twice_as_far_shows_twice_the_margin():
    matthews = usual(measure_named("matthews"))
    assert matthews is not None
    for margin in (1.0, 2.0):
        told = chance_beforehand(3, 3000, 2 * margin, ALPHA, matthews)
        assert told == pytest.approx(chance_beforehand(3, 3000, margin, ALPHA), rel=1e-3)
    words = beforehand(3, 3000, (2.0, 4.0), 0.95, measure_named("matthews"))
    assert "71 % within 4 points of Matthews' correlation (reckoned from accuracy" in words


def test_log_loss_is_told_in_nats_and_a_regression_is_not_told():
    words = beforehand(3, 3000, (0.01, 0.05), 0.95, measure_named("log_loss"))
    assert "within 0.05 points of log loss (reckoned as if models differed as" in words
    loss = usual(measure_named("log_loss"))
    assert loss is not None
    assert chance_beforehand(3, 3000, 0.01, ALPHA, loss) < OUT_OF_REACH
    assert chance_beforehand(3, 3000, 0.05, ALPHA, loss) > 0.8
    for metric in ("pearson", "spearman", "rmse"):
        assert usual(measure_named(metric)) is None
        words = beforehand(3, 3000, (1.0,), 0.95, measure_named(metric))
        assert f"cannot be told beforehand for {measure_named(metric).words}" in words


@pytest.mark.parametrize(
    ("seeds", "sentences", "margin", "first"),
    [
        (3, 400, 2.0, "test sentences"),  # all seeds answer the same few sentences
        (3, 1200, 1.0, "test sentences"),
        (3, 3000, 1.0, "seeds"),
        (2, 3000, 1.0, "seeds"),
        (1, 400, 2.0, "seeds"),
    ],
)
def test_what_helps_most_depends_on_what_there_is_little_of(seeds, sentences, margin, first):
    words = beforehand(seeds, sentences, (margin,), 0.95, ACCURACY)
    assert f"More {first}" in words
    of = {
        "seeds": chance_beforehand(2 * seeds, sentences, margin, ALPHA),
        "test sentences": chance_beforehand(seeds, 2 * sentences, margin, ALPHA),
    }
    if seeds > 1:  # of one seed it is never known how seeds differ
        assert of[first] == max(of.values()) > min(of.values())
