"""The metrics as scikit-learn and SciPy have them, of the outputs that Trainer gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from sklearn import metrics

Array: TypeAlias = NDArray[Any]


def _log_loss(logits: Array, labels: Array) -> float:
    shares = special.softmax(logits.astype(np.float64), axis=-1)
    return float(metrics.log_loss(labels, shares, labels=np.arange(logits.shape[-1])))


def _of_classes(measure: Callable[..., float], **options: Any) -> Callable[[Array, Array], float]:
    return lambda logits, labels: float(measure(labels, logits.argmax(-1), **options))


def _of_numbers(measure: Callable[..., Any]) -> Callable[[Array, Array], float]:
    return lambda outputs, labels: float(measure(labels, outputs.reshape(-1).astype(np.float64)))


_VALUES: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": _of_classes(metrics.accuracy_score),
    "balanced_accuracy": _of_classes(metrics.balanced_accuracy_score),
    "macro_f1": _of_classes(metrics.f1_score, average="macro"),
    "matthews": _of_classes(metrics.matthews_corrcoef),
    "log_loss": _log_loss,
    "pearson": _of_numbers(lambda *both: stats.pearsonr(*both).statistic),
    "spearman": _of_numbers(lambda *both: stats.spearmanr(*both).statistic),
    "rmse": _of_numbers(metrics.root_mean_squared_error),
}
HIGHER = {name: name not in ("log_loss", "rmse") for name in _VALUES}


def value(name: str, outputs: Array, labels: Array) -> float:
    """Return a metric of outputs (n, k) and labels (n,)."""
    return _VALUES[name](outputs, labels)
