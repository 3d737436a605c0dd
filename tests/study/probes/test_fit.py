"""The fit: what separates is found, validation picks, and it is scikit-learn's own regression."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from study.entry.errors import StudyError
from study.metrics.measure import measure_named
from study.probes import fit
from study.probes.fit import INVERSE_PENALTIES, PATIENCE, Probe, best_by_kind, picked

KINDS = ("pooled", "first", "mean")


def noise(sentences: int, seed: int, hidden: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(sentences, hidden))


def labelled(sentences: int, seed: int, classes: int = 2) -> np.ndarray:
    return np.random.default_rng([seed, 1]).integers(0, classes, sentences)


def separating(labels: np.ndarray, seed: int, hidden: int = 8) -> np.ndarray:
    """Noise, but that each class stands at its own place in the first two dimensions."""
    states = noise(len(labels), seed, hidden)
    angle = 2 * np.pi * labels / (labels.max() + 1)
    states[:, 0] += 12 * np.cos(angle)
    states[:, 1] += 12 * np.sin(angle)
    return states


def made(where: str, classes: int = 2) -> tuple:
    """Training and validation, in which one kind of states alone separates the classes."""
    found = []
    for split, sentences in enumerate((400, 200)):
        labels = labelled(sentences, split, classes)
        states = {kind: noise(sentences, 10 * split + i) for i, kind in enumerate(KINDS)}
        states[where] = separating(labels, 10 * split + 5)
        found += [states, labels]
    return tuple(found)


@pytest.mark.parametrize("where", KINDS)
def test_the_states_that_separate_are_picked(where):
    probes = best_by_kind(*made(where))
    assert list(probes) == list(KINDS)
    assert picked(probes).kind == where
    assert probes[where].validation_score == 1.0
    for kind in KINDS:
        if kind != where:
            assert probes[kind].validation_score < 0.65  # a coin, and the best of 13 tosses


@pytest.mark.parametrize("classes", [3, 7])
def test_many_classes(classes):
    probes = best_by_kind(*made("mean", classes))
    best = picked(probes)
    assert best.kind == "mean"
    assert best.validation_score > 0.99
    assert best.coefficients == classes * (8 + 1)
    assert set(best.validation_predictions) == set(range(classes))


def test_two_classes_have_one_set_of_coefficients():
    assert picked(best_by_kind(*made("mean"))).coefficients == 8 + 1


def test_a_class_that_training_lacks_is_never_predicted():
    train, labels, validation, validation_labels = made("mean", 3)
    kept = labels != 1
    some = {kind: rows[kept] for kind, rows in train.items()}
    best = best_by_kind(some, labels[kept], validation, validation_labels)["mean"]
    assert set(best.validation_predictions) == {0, 2}


def test_one_class_is_an_error():
    train, labels, validation, validation_labels = made("mean")
    with pytest.raises(StudyError, match="all of one class"):
        best_by_kind(train, np.zeros_like(labels), validation, validation_labels)


def test_predictions_are_those_of_scikit_learns_own_pipeline_at_the_best_penalty():
    train, labels, validation, validation_labels = made("first")
    train["first"] = 0.2 * separating(labels, 3) + 30 * noise(400, 4)  # not easy, not standardised
    validation["first"] = 0.2 * separating(validation_labels, 6) + 30 * noise(200, 7)
    best = best_by_kind(train, labels, validation, validation_labels)["first"]
    accuracies = {}
    for c in INVERSE_PENALTIES:
        own = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=9999, tol=1e-6))
        own.fit(train["first"], labels)
        accuracies[c] = own.score(validation["first"], validation_labels)
        if c == best.c:
            expected = own.predict(validation["first"])
            other = noise(50, 8)
            assert best.predict(other).tolist() == own.predict(other).tolist()
    assert best.validation_score == max(accuracies.values())
    assert best.c == min(c for c, found in accuracies.items() if found == max(accuracies.values()))
    assert best.validation_predictions.tolist() == expected.tolist()


def probe(kind: str, c: float, accuracy: float) -> Probe:
    return Probe(kind, c, StandardScaler(), LogisticRegression(), np.zeros(2, int), accuracy)


@pytest.mark.parametrize(
    ("probes", "best"),
    [
        ((("pooled", 1.0, 0.7), ("first", 1.0, 0.8), ("mean", 1.0, 0.75)), "first"),
        ((("pooled", 1.0, 0.8), ("first", 0.1, 0.8), ("mean", 0.01, 0.75)), "first"),
        ((("pooled", 0.1, 0.7), ("first", 0.1, 0.8), ("mean", 0.1, 0.8)), "first"),
        ((("pooled", 0.1, 0.8), ("first", 0.1, 0.8), ("mean", 0.1, 0.8)), "pooled"),
    ],
)
def test_of_equals_the_harder_penalty_and_then_the_first_kind(probes, best):
    assert picked({kind: probe(kind, c, accuracy) for kind, c, accuracy in probes}).kind == best


def test_penalties_are_half_a_decade_apart_the_hardest_first():
    steps = np.diff(np.log10(INVERSE_PENALTIES))
    assert steps == pytest.approx(np.full(len(INVERSE_PENALTIES) - 1, 0.5), abs=2e-3)
    assert (INVERSE_PENALTIES[0], INVERSE_PENALTIES[-1]) == (1e-5, 10.0)


def test_weak_penalties_are_not_tried_once_harder_ones_were_better(monkeypatch):
    """They take longest: of 77 classes a fit at the weakest takes minutes."""
    accuracies = [0.2, 0.2, 0.2, 0.6, 0.5, 0.6, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9]
    asked = []

    def fitted(kind, c, *_):
        asked.append(c)
        accuracy = accuracies[INVERSE_PENALTIES.index(c)]
        return Probe(kind, c, None, None, np.zeros(1, dtype=np.int64), accuracy)

    monkeypatch.setattr(fit, "_fitted", fitted)
    states = {"mean": np.zeros((2, 3))}
    found = best_by_kind(states, np.array([0, 1]), states, np.array([0, 1]))
    assert found["mean"].c == INVERSE_PENALTIES[3]  # the first of the best, but for what is later
    assert asked == list(INVERSE_PENALTIES[: 6 + PATIENCE])


def test_a_fit_that_did_not_end_is_a_probe_all_the_same(monkeypatch, recwarn):
    monkeypatch.setattr(fit, "MOST_STEPS", 1)
    assert picked(best_by_kind(*made("mean"))).kind == "mean"
    assert not [w for w in recwarn if "converge" in str(w.message)]


def test_numbers_are_fitted_by_a_ridge_and_picked_by_their_metric():
    train, validation = {"mean": noise(300, 1)}, {"mean": noise(200, 2)}
    numbers, held = (
        2 * x["mean"][:, 0] - 1 + noise(len(x["mean"]), 3)[:, 0] for x in (train, validation)
    )
    for name, pick in (("rmse", min), ("pearson", max)):
        measure = measure_named(name)
        best = best_by_kind(train, numbers, validation, held, measure)["mean"]
        scores = {}
        for c in INVERSE_PENALTIES:
            own = make_pipeline(StandardScaler(), Ridge(alpha=1 / c)).fit(train["mean"], numbers)
            scores[c] = measure.value(own.predict(validation["mean"]), held)
            if c == best.c:
                assert best.validation_predictions == pytest.approx(own.predict(validation["mean"]))
        assert best.validation_score == pytest.approx(pick(scores.values()), rel=1e-3)
        assert best.coefficients == 8 + 1


def test_log_loss_is_that_of_scikit_learns_probabilities():
    train, labels, validation, held = made("mean", 3)
    best = best_by_kind(train, labels, validation, held, measure_named("log_loss"))["mean"]
    p = best.regression.predict_proba(best.scaler.transform(validation["mean"]))
    assert best.validation_score == pytest.approx(log_loss(held, p))
    assert best.losses(validation["mean"], held).mean() == pytest.approx(log_loss(held, p))
