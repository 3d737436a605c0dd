"""What the metric is of one who reads no sentence, and knows the training labels alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.metrics.measure import LOG_LOSS, REGRESSION, Array, Measure


def guesses(measure: Measure, training: Sequence[float], labels: Array) -> Array:
    """Return the best answers (n,) without reading: as `Measure.answers` gives them.

    The commonest class of the training sentences for all, their shares as probabilities where those
    are measured, or the mean of their numbers.

    Args:
        training: the shares of the classes; of a regression the mean alone.
        labels: (n,) of the sentences that are answered.
    """
    if measure.task == REGRESSION:
        return np.full(len(labels), float(training[0]))
    if measure.name == LOG_LOSS:
        shares = np.maximum(np.asarray(training, dtype=np.float64), np.finfo(np.float64).tiny)
        return np.asarray(-np.log(shares[labels]))
    return np.full(len(labels), int(np.argmax(training)))
