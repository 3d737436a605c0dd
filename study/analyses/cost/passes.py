"""Which passes an epoch takes, for what a model computes once a pass."""

from __future__ import annotations

from torch import Tensor

from study.batches.packing import BLOCKS
from study.records.prepared import Batching


def longest(lengths: Tensor, batch_size: int, batching: Batching) -> list[float]:
    """Return the tokens of the longest sentence of every pass of an epoch, of one run.

    Padded rows go through a model in blocks of like length (`study.models.padded`). Sentences stand
    in random order, which is as good as an epoch's own.

    Args:
        lengths: tokens of the training sentences, (n,).
    """
    blocks = 1 if batching == "packed" else BLOCKS
    found: list[float] = []
    for batch in lengths.split(batch_size):
        parts = batch.sort().values.tensor_split(min(blocks, len(batch)))
        found += [float(part[-1]) for part in parts]
    return found
