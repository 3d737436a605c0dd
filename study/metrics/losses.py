"""Measures that are better when they are lower, and what each sentence adds to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_losses(logits: NDArray[np.floating], true: NDArray[np.int64]) -> Floats:
    """Return -log p of the true class, nats, of logits (n, classes)."""
    logits = np.asarray(logits, dtype=np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    found = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(true)), true]
    return np.asarray(found)


def rmse(predicted: Floats, true: Floats) -> Floats:
    """Return the parts (n,) of the root of the mean squared error of numbers (n,)."""
    squares = (np.asarray(predicted, dtype=np.float64) - true) ** 2
    root = float(np.sqrt(squares.mean()))
    if root == 0:
        return np.zeros_like(squares)
    return np.asarray(root + (squares - root**2) / (2 * root))
