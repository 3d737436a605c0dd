"""The probe: a linear fit of scikit-learn on each kind of states, picked on validation.

A logistic regression, and of numbers a ridge regression. Features are standardised by the training
sentences' means and deviations, so that one penalty is as hard on every feature (and on every
model): with it the probe stays a linear layer on the states.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from study.entry.errors import StudyError
from study.metrics.measure import LOG_LOSS, REGRESSION, Measure, measure_named

Floats = NDArray[np.float64]
Labels = NDArray[Any]  # int64, or fp of a regression

# The inverse of the L2 penalty, half a decade apart. At the low end the coefficients nearly vanish
# and only their direction is left, towards the means of the classes; at the high end the penalty
# nearly vanishes: on the default study accuracy moves by less than 0.5 points from 1 to 1000.
INVERSE_PENALTIES = tuple(float(f"{10 ** (half / 2):.3g}") for half in range(-10, 3))
PATIENCE = 2  # penalties in a row that are worse than a harder one; the weakest take longest
MOST_STEPS = 10_000  # of L-BFGS; the default study takes up to 830, at the weakest penalty
TOLERANCE = 1e-6  # of the gradient's largest entry: no prediction hangs on where it stopped
ACCURACY = measure_named("accuracy")
_LEAST_LOG_P = np.log(np.finfo(np.float64).eps)  # as scikit-learn's log_loss has it


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        kind: of the states that it reads.
        c: the inverse of its penalty.
        validation_predictions: class, or number, of every validation sentence, (n,).
        validation_score: what they are worth by the measure.
        measure: by which it is picked.
    """

    kind: str
    c: float
    scaler: StandardScaler
    regression: LogisticRegression | Ridge
    validation_predictions: Labels
    validation_score: float
    measure: Measure = ACCURACY

    @property
    def coefficients(self) -> int:
        """Numbers that were fitted: weights and intercepts, one set of them for two classes."""
        return int(np.size(self.regression.coef_) + np.size(self.regression.intercept_))

    @property
    def merit(self) -> float:
        """The higher the better it is on validation."""
        return self.measure.merit(self.validation_score)

    def predict(self, states: Floats) -> Labels:
        """Return the class (n,) int64, or number, of states (n, hidden)."""
        found = self.regression.predict(self.scaler.transform(states))
        return np.asarray(found, dtype=np.float64 if self.measure.task == REGRESSION else np.int64)

    def losses(self, states: Floats, labels: Labels) -> Floats | None:
        """Return -log p of each sentence's class, (n,), where that is what is measured."""
        if self.measure.name != LOG_LOSS:
            return None
        log_p = self.regression.predict_log_proba(self.scaler.transform(states))
        place = {label: i for i, label in enumerate(self.regression.classes_.tolist())}
        found = [
            row[place[y]] if y in place else -np.inf
            for row, y in zip(log_p, labels.tolist(), strict=True)
        ]
        return -np.maximum(found, _LEAST_LOG_P)

    def score(self, states: Floats, labels: Labels) -> float:
        """Return the measure on sentences."""
        losses = self.losses(states, labels)
        return self.measure.value(self.predict(states) if losses is None else losses, labels)


def best_by_kind(
    train: Mapping[str, Floats],
    train_labels: Labels,
    validation: Mapping[str, Floats],
    validation_labels: Labels,
    measure: Measure = ACCURACY,
) -> dict[str, Probe]:
    """Return the best probe on each kind of states by a measure on validation.

    Penalties are tried from the hardest on, until `PATIENCE` in a row were worse. Of two that are
    equal, the one with the harder penalty.

    Args:
        train, validation: states (n, hidden) by kind.
        train_labels, validation_labels: (n,).

    Raises:
        StudyError: the training sentences are all of one class.
    """
    if len(np.unique(train_labels)) < 2:
        raise StudyError("data/prepared: the training sentences are all of one class")
    best: dict[str, Probe] = {}
    for kind, states in train.items():
        worse = 0  # in a row
        for c in INVERSE_PENALTIES:
            probe = _fitted(
                *(kind, c, states, train_labels, validation[kind], validation_labels, measure)
            )
            before = best.setdefault(kind, probe).merit
            worse = worse + 1 if probe.merit < before else 0
            if probe.merit > before:
                best[kind] = probe
            if worse >= PATIENCE:
                break
    return best


def picked(probes: Mapping[str, Probe]) -> Probe:
    """Return the best probe of all kinds on validation.

    Of equals the one with the harder penalty, and then the first kind.
    """
    return max(probes.values(), key=lambda probe: (probe.merit, -probe.c))


def _fitted(
    kind: str,
    c: float,
    states: Floats,
    labels: Labels,
    validation: Floats,
    validation_labels: Labels,
    measure: Measure,
) -> Probe:
    scaler = StandardScaler().fit(states)
    regression: LogisticRegression | Ridge
    if measure.task == REGRESSION:
        regression = Ridge(alpha=1 / c)
    else:
        regression = LogisticRegression(C=c, max_iter=MOST_STEPS, tol=TOLERANCE)
    with warnings.catch_warnings():
        # Unfinished, it is still a probe: validation tells what it is worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(scaler.transform(states), labels)
    probe = Probe(kind, c, scaler, regression, np.empty(0), 0.0, measure)
    return replace(
        probe,
        validation_predictions=probe.predict(validation),
        validation_score=probe.score(validation, validation_labels),
    )
