"""By which number arms are compared: its value, its unit and words, and each sentence's part in it.

Accuracy is a mean over sentences, and so is log loss. The others are not. For their intervals they
are written as one, to first order: every sentence's part is the measure itself plus the sentence's
influence on it, how far the measure moves per share of sentences like it (the influence function of
Hampel 1974; the infinitesimal jackknife). The parts' mean is the measure, and the variance of their
mean is the measure's own in large samples, so that `study.statistics.crossed` takes them as it
takes right and wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from study.metrics import classes, correlation, losses

Task: TypeAlias = Literal["classification", "regression"]
Array: TypeAlias = NDArray[Any]
CLASSIFICATION: Task = "classification"
REGRESSION: Task = "regression"
AUTO = "auto"


@dataclass(frozen=True)
class Measure:
    """A measure of an arm.

    Attributes:
        name: as in the settings and in records.
        task: whose answers it measures.
        words: its name in a sentence.
        higher: whether a higher value is better.
        scale: of one unit of it in what is reported as `points`: 100 where it is at most 1, so that
            a point is a hundredth; 1 where it has no bound, and a point is one of its own unit.
        least, most: values that it can have.
        parts_of: of answers and labels (n,) the parts (n,).
    """

    name: str
    task: Task
    words: str
    higher: bool
    scale: float
    least: float
    most: float
    parts_of: Callable[[Array, Array], Array]

    def answers(self, outputs: Array, labels: Array) -> Array:
        """Return what is measured of outputs (n, k), (n,): class, number, or loss of the label."""
        if self.name == LOG_LOSS:
            return losses.log_losses(outputs, labels)
        return outputs[:, 0] if self.task == REGRESSION else outputs.argmax(axis=1)

    def parts(self, answers: Array, labels: Array) -> Array:
        """Return each sentence's part, (n,): bool for accuracy, else fp64; their mean is the value.

        Args:
            answers: as `answers` gives them; labels: (n,).
        """
        return self.parts_of(answers, labels)

    def value(self, answers: Array, labels: Array) -> float:
        """Return the measure of answers (n,)."""
        return float(np.mean(self.parts(answers, labels)))

    @property
    def in_percent(self) -> bool:
        """Whether a value is shown in per cent: a share, as against a correlation or a loss."""
        return (self.least, self.most) == (0.0, 1.0)

    def shown(self, value: float) -> str:
        """Write a value: in per cent, or as it is."""
        return f"{100 * value:.1f} %" if self.in_percent else f"{value:.3f}"

    def merit(self, value: float) -> float:
        """Return a number that is the higher the better the value is; a hundredth is a point."""
        return float(self.merits(np.array(value)))

    def value_of_merit(self, merit: float) -> float:
        """Return the value that has a merit."""
        return merit / self._merit_of_one

    def merits(self, parts: Array) -> Array:
        """Return parts of which more is better, and a hundredth is a point; bool ones as they are.

        All that compares arms takes these, and reports differences in points: 100 times theirs.
        """
        if parts.dtype == np.bool_:
            return parts
        return parts * self._merit_of_one

    @property
    def _merit_of_one(self) -> float:
        return (1.0 if self.higher else -1.0) * self.scale / 100


ACCURACY, BALANCED_ACCURACY, MACRO_F1 = "accuracy", "balanced_accuracy", "macro_f1"
MATTHEWS, LOG_LOSS = "matthews", "log_loss"
PEARSON, SPEARMAN, RMSE = "pearson", "spearman", "rmse"


def _mean_of_losses(answers: Array, labels: Array) -> Array:
    del labels  # the losses are of them
    return np.asarray(answers, dtype=np.float64)


_INFINITE = float("inf")
_OF_TASK: dict[Task, tuple[tuple[Any, ...], ...]] = {
    CLASSIFICATION: (
        (ACCURACY, "accuracy", True, 100.0, 0.0, 1.0, classes.right),
        (BALANCED_ACCURACY, "balanced accuracy", True, 100.0, 0.0, 1.0, classes.balanced),
        (MACRO_F1, "macro F1", True, 100.0, 0.0, 1.0, classes.macro_f1),
        (MATTHEWS, "Matthews' correlation", True, 100.0, -1.0, 1.0, classes.matthews),
        (LOG_LOSS, "log loss", False, 1.0, 0.0, _INFINITE, _mean_of_losses),
    ),
    REGRESSION: (
        (PEARSON, "Pearson's correlation", True, 100.0, -1.0, 1.0, correlation.pearson),
        (SPEARMAN, "Spearman's correlation", True, 100.0, -1.0, 1.0, correlation.spearman),
        (RMSE, "RMSE", False, 1.0, 0.0, _INFINITE, losses.rmse),
    ),
}
MEASURES = {
    task: {row[0]: Measure(row[0], task, *row[1:]) for row in rows}
    for task, rows in _OF_TASK.items()
}
_BY_NAME = {name: measure for of_task in MEASURES.values() for name, measure in of_task.items()}


def measure_of(task: Task, name: str) -> Measure:
    """Return a task's measure; auto: accuracy, and of a regression Pearson's correlation.

    Raises:
        KeyError: the task has no such measure.
    """
    of_task = MEASURES[task]
    return next(iter(of_task.values())) if name == AUTO else of_task[name]


def measure_named(name: str) -> Measure:
    """Return the measure that a record names.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[name]
