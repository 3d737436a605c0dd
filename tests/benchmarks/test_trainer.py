"""Trainer, as it is measured: it keeps the epoch that the study would keep."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.variants.trainer import _Turns


class Still:
    """A clock that takes no time."""

    def validated(self) -> None:
        """Nothing was measured."""


def test_the_epoch_that_is_kept_is_the_most_accurate_and_of_equal_ones_that_of_the_lowest_loss():
    model = torch.nn.Linear(1, 1, bias=False)
    clock: Any = Still()
    turns = _Turns(clock, None, model)
    for epoch, (right, loss) in enumerate([(0.5, 0.1), (0.7, 0.9), (0.7, 0.6), (0.7, 0.8)], 1):
        with torch.no_grad():
            model.weight.fill_(float(epoch))
        turns.on_evaluate(None, None, None, {"eval_accuracy": right, "eval_loss": loss})
    assert float(turns.best["weight"]) == 3.0
