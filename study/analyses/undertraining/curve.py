"""What a run's training loss says: how much it learned, and whether it was still learning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from study.records.runs import ArmRecord, RunRecord


def guessing_loss(shares: Iterable[float]) -> float:
    """Return the cross-entropy (nats) of always giving each class its share of the sentences.

    That is the entropy of the shares, the least loss of a model that reads nothing.
    """
    return -sum(share * math.log(share) for share in shares if share > 0)


@dataclass(frozen=True)
class Curve:
    """The training loss of an arm, means over its seeds, in nats.

    Attributes:
        guessing: see `guessing_loss`.
        third, last: of the third and the last quarter of the steps.
        kept: of the last quarter of the steps up to the best epoch, whose model is kept.
        turned: whether most seeds were at their best on validation before their last epoch, so that
            a training loss that still falls is no sign that there is more to learn.
    """

    guessing: float
    third: float
    last: float
    kept: float
    turned: bool

    @property
    def learned(self) -> float:
        """The share of guessing's loss that training took away, in the model that is kept."""
        return (self.guessing - self.kept) / self.guessing

    @property
    def falling(self) -> float:
        """The share of all that was learned that came from the third to the last quarter.

        A loss that falls in a straight line from guessing's gives 2/7 = 0.29, one that has settled
        gives 0. It is 0 where nothing was learned.
        """
        learned = self.guessing - self.last
        return (self.third - self.last) / learned if learned > 0 else 0.0


def curve(record: ArmRecord, guessing: float) -> Curve:
    """Return the curve of an arm's runs at its picked learning rate."""
    runs = record.picked()
    halves = [_second_half(run.loss_values) for run in runs]
    turned = [run.best_epoch < len(run.validation) for run in runs]
    return Curve(
        guessing=guessing,
        third=fmean(third for third, _ in halves),
        last=fmean(last for _, last in halves),
        kept=fmean(_kept(run) for run in runs),
        turned=sum(turned) * 2 > len(turned),
    )


def steps(record: ArmRecord) -> int:
    """Return how many optimiser steps the longest run of an arm took."""
    return max(run.loss_steps[-1] for run in record.picked())


def epochs(record: ArmRecord) -> int:
    """Return how many epochs the longest run of an arm took."""
    return max(_last_epoch(run) for run in record.picked())


def _last_epoch(run: RunRecord) -> int:
    return run.validation[-1].epoch


def _kept(run: RunRecord) -> float:
    """Return the loss of the last quarter of the steps up to a run's best epoch."""
    best = next(point.step for point in run.validation if point.epoch == run.best_epoch)
    upto = [v for step, v in zip(run.loss_steps, run.loss_values, strict=True) if step <= best]
    return _second_half(upto or run.loss_values[:1])[1]


def _second_half(values: Sequence[float]) -> tuple[float, float]:
    """Return the means of the third and of the last quarter; of few values, of what there is."""
    half, three_quarters = len(values) // 2, max(3 * len(values) // 4, len(values) // 2 + 1)
    third, last = values[half:three_quarters], values[three_quarters:]
    return fmean(third), fmean(last or third)
