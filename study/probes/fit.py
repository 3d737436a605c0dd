"""The probe: a logistic regression of scikit-learn on each kind of states, picked on validation.

Features are standardised by the training sentences' means and deviations, so that one penalty is
as hard on every feature (and on every model): with it the probe stays a linear layer on the states.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from study.entry.errors import StudyError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# The inverse of the L2 penalty, half a decade apart. At the low end the coefficients nearly vanish
# and only their direction is left, towards the means of the classes; at the high end the penalty
# nearly vanishes: on the default study accuracy moves by less than 0.5 points from 1 to 1000.
INVERSE_PENALTIES = tuple(float(f"{10 ** (half / 2):.3g}") for half in range(-10, 3))
PATIENCE = 2  # penalties in a row that are worse than a harder one; the weakest take longest
MOST_STEPS = 10_000  # of L-BFGS; the default study takes up to 830, at the weakest penalty
TOLERANCE = 1e-6  # of the gradient's largest entry: no prediction hangs on where it stopped


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        kind: of the states that it reads.
        c: the inverse of its penalty.
        validation_predictions: class of every validation sentence, (n,).
        validation_accuracy: theirs, a fraction.
    """

    kind: str
    c: float
    scaler: StandardScaler
    regression: LogisticRegression
    validation_predictions: Labels
    validation_score: float

    @property
    def coefficients(self) -> int:
        """Numbers that were fitted: weights and intercepts, one set of them for two classes."""
        return int(self.regression.coef_.size + self.regression.intercept_.size)

    def predict(self, states: Floats) -> Labels:
        """Return the class (n,) int64 of states (n, hidden)."""
        return np.asarray(self.regression.predict(self.scaler.transform(states)), dtype=np.int64)


def best_by_kind(
    train: Mapping[str, Floats],
    train_labels: Labels,
    validation: Mapping[str, Floats],
    validation_labels: Labels,
) -> dict[str, Probe]:
    """Return the best probe on each kind of states by validation accuracy.

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
            probe = _fitted(kind, c, states, train_labels, validation[kind], validation_labels)
            before = best.setdefault(kind, probe).validation_accuracy
            worse = worse + 1 if probe.validation_score < before else 0
            if probe.validation_score > before:
                best[kind] = probe
            if worse >= PATIENCE:
                break
    return best


def picked(probes: Mapping[str, Probe]) -> Probe:
    """Return the best probe of all kinds by validation accuracy.

    Of equals the one with the harder penalty, and then the first kind.
    """
    return max(probes.values(), key=lambda probe: (probe.validation_score, -probe.c))


def _fitted(
    kind: str,
    c: float,
    states: Floats,
    labels: Labels,
    validation: Floats,
    validation_labels: Labels,
) -> Probe:
    scaler = StandardScaler().fit(states)
    regression = LogisticRegression(C=c, max_iter=MOST_STEPS, tol=TOLERANCE)
    with warnings.catch_warnings():
        # Unfinished, it is still a probe: validation tells what it is worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(scaler.transform(states), labels)
    predictions = np.asarray(regression.predict(scaler.transform(validation)), dtype=np.int64)
    accuracy = float(np.mean(predictions == validation_labels))
    return Probe(kind, c, scaler, regression, predictions, accuracy)
