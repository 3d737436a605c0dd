"""How many tokens the trainer will compute: counted from its own batches, before any is computed.

A step of R runs computes R rows, each as long as the longest of them, rounded up as the packer
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from study.batches.packing import ROW_STEP, epoch_order
from study.records.prepared import Split

EPOCHS = 2  # whose order is drawn; further ones are like them


@dataclass(frozen=True)
class Steps:
    """The steps of a group of runs, over the epochs that were looked at.

    Attributes:
        mean: tokens of a step, of all runs, padding of the rows included.
        largest: of the largest step.
        sentences: the numbers of the sentences (B,) of its longest row.
    """

    mean: float
    largest: int
    sentences: Tensor


def steps_of(split: Split, seeds: Sequence[int], batch_size: int, epochs: int = EPOCHS) -> Steps:
    """Count the steps of runs that train together.

    Args:
        seeds: of the runs.
    """
    lengths = split.lengths.long()
    computed, best = [], (0, torch.arange(min(batch_size, len(split))))
    for epoch in range(1, min(epochs, EPOCHS) + 1):
        orders = [epoch_order(len(split), seed, epoch) for seed in seeds]
        rows = torch.tensor(
            [[int(part.sum()) for part in lengths[order].split(batch_size)] for order in orders]
        )
        each = _rounded(rows.amax(dim=0)) * len(seeds)  # (steps,)
        computed.append(each)
        if int(each.max()) > best[0]:
            step = int(each.argmax())
            row = int(rows[:, step].argmax())
            best = int(each.max()), orders[row].split(batch_size)[step]
    return Steps(float(torch.cat(computed).double().mean()), best[0], best[1])


def each_step(split: Split, seeds: Sequence[int], batch_size: int, epoch: int = 1) -> list[int]:
    """Return the tokens of each step of an epoch, as `Steps.mean` counts them."""
    lengths = split.lengths.long()
    rows = torch.tensor(
        [
            [int(part.sum()) for part in lengths[order].split(batch_size)]
            for order in (epoch_order(len(split), seed, epoch) for seed in seeds)
        ]
    )
    found: list[int] = (_rounded(rows.amax(dim=0)) * len(seeds)).tolist()
    return found


def _rounded(tokens: Tensor) -> Tensor:
    return (tokens + ROW_STEP - 1) // ROW_STEP * ROW_STEP
