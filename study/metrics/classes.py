"""Measures of classes: what each sentence adds to them, of predicted and true classes (n,) int.

Every function returns (n,) whose mean is the measure: 1 or 0 where it is a mean of right answers,
else the measure plus the sentence's influence on it (`study.metrics.measure`). With shares t_c of
true, p_c of predicted and r_c of both for class c:

    balanced accuracy    mean over the true classes of r_c / t_c
    macro F1             mean over classes, true or predicted, of 2 r_c / (p_c + t_c)
    Matthews             of several classes (Gorodkin 2004, R_K): the correlation of the indicators
                         of the classes, 0 where all sentences are given one class

as scikit-learn has them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.metrics.correlation import correlation

Classes = NDArray[np.int64]
Floats = NDArray[np.float64]


def right(predicted: Classes, true: Classes) -> NDArray[np.bool_]:
    """Return which sentences are right; their mean is the accuracy."""
    found: NDArray[np.bool_] = predicted == true
    return found


def balanced(predicted: Classes, true: Classes) -> Floats:
    """Return the parts of balanced accuracy."""
    classes, of = np.unique(true, return_inverse=True)
    counts = np.bincount(of)
    correct = (predicted == true).astype(np.float64)
    recalls = np.bincount(of, weights=correct) / counts
    influence = (correct - recalls[of]) * len(true) / counts[of] / len(classes)
    return np.asarray(recalls.mean() + influence)


def macro_f1(predicted: Classes, true: Classes) -> Floats:
    """Return the parts of macro F1."""
    classes = np.union1d(predicted, true)
    told = (predicted[:, None] == classes).astype(np.float64)
    are = (true[:, None] == classes).astype(np.float64)
    both = told * are
    sizes = told.mean(axis=0) + are.mean(axis=0)
    scores = 2 * both.mean(axis=0) / sizes
    influence = (2 * both - scores * (told + are)) / sizes
    return np.asarray(scores.mean() + influence.mean(axis=1))


def matthews(predicted: Classes, true: Classes) -> Floats:
    """Return the parts of Matthews' correlation."""
    classes = np.union1d(predicted, true)
    told, are = (array[:, None] == classes for array in (predicted, true))
    return correlation(told.astype(np.float64), are.astype(np.float64))
