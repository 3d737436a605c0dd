"""Where the minibatches of a run come from: packed tokens, or features of a frozen encoder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from study.batches.beginnings import by_beginning, pack_as
from study.batches.packing import (
    BLOCKS,
    Batch,
    FeatureBatch,
    PackedBatch,
    by_length,
    epoch_order,
)
from study.batches.pieces import pack_pieces
from study.records.prepared import Prepared

EVALUATION_TOKENS = 2048  # of all runs in one forward pass without gradients
LEAST_TOKENS = 256  # of each run


class Feed(Protocol):
    """What the training loop asks for. Sentences of an epoch depend on the seed alone."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of minibatches; the last one may be smaller."""

    def training(
        self, seeds: Sequence[int], epoch: int, pieces: int = 1
    ) -> Iterator[Sequence[Batch]]:
        """Yield an epoch's minibatches, one row per run; runs of one seed share theirs.

        Args:
            pieces: in which each is to be computed, at the most.
        """

    def evaluation(self, split: str, runs: int) -> Iterator[tuple[Tensor, Batch]]:
        """Yield (sentence numbers, batch) over a split by name, the same for all runs."""

    def labels(self, split: str) -> Tensor:
        """Return the labels (n,) int64 of a split by name."""


def _epoch(
    sentences: int, seeds: Sequence[int], epoch: int, batch_size: int
) -> Iterator[list[Tensor]]:
    """Yield the sentence numbers (B,) of every run's next minibatch."""
    orders = {seed: epoch_order(sentences, seed, epoch) for seed in dict.fromkeys(seeds)}
    for start in range(0, sentences, batch_size):
        chosen = {seed: order[start : start + batch_size] for seed, order in orders.items()}
        yield [chosen[seed] for seed in seeds]


class TokenFeed:
    """Packed token ids.

    Where the data say so, beginnings that pairs have in common stand once, in training without
    dropout and in every evaluation (`study.batches.beginnings`).

    Args:
        pooled: see `study.batches.packing.pack`; only for a model without dropout.
    """

    def __init__(
        self, data: Prepared, batch_size: int, device: torch.device, pooled: bool = False
    ) -> None:
        self._data, self._batch_size, self._device = data, batch_size, device
        self._pooled = pooled
        self._shared = data.batching == "shared"

    @property
    def steps_per_epoch(self) -> int:
        """Number of minibatches; the last one may be smaller."""
        return -(-len(self._data.train) // self._batch_size)

    def training(
        self, seeds: Sequence[int], epoch: int, pieces: int = 1
    ) -> Iterator[list[PackedBatch]]:
        """Yield an epoch's minibatches, one row per run; runs of one seed share theirs."""
        split, pad = self._data.train, self._data.pad_token_id
        for chosen in _epoch(len(split), seeds, epoch, self._batch_size):
            shared = self._shared and self._pooled
            step = pack_pieces(split, chosen, pad, BLOCKS, self._pooled, pieces, shared=shared)
            yield [batch.to(self._device) for batch in step]

    def evaluation(self, split: str, runs: int) -> Iterator[tuple[Tensor, PackedBatch]]:
        """Yield (sentence numbers, batch) over a split by name, the same for all runs."""
        of, pad = getattr(self._data, split), self._data.pad_token_id
        tokens = max(LEAST_TOKENS, EVALUATION_TOKENS // runs)
        parts = by_beginning(of, tokens) if self._shared else by_length(of, tokens)
        for chosen in parts:
            batch = pack_as(self._data.batching, of, [chosen] * runs, pad, blocks=2)
            yield chosen, batch.to(self._device)

    def labels(self, split: str) -> Tensor:
        """Return the labels (n,) int64 of a split by name."""
        labels: Tensor = getattr(self._data, split).labels
        return labels


class FeatureFeed:
    """Features that stay the same through training, computed once.

    Args:
        features: gives a split's, (n, hidden), by name; asked once for each.
        labels: (n,) int64 of each split by name.
    """

    def __init__(
        self,
        features: Callable[[str], Tensor],
        labels: dict[str, Tensor],
        batch_size: int,
    ) -> None:
        self._features = functools.cache(features)
        self._labels, self._batch_size = labels, batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Number of minibatches; the last one may be smaller."""
        return -(-len(self._labels["train"]) // self._batch_size)

    def training(
        self, seeds: Sequence[int], epoch: int, pieces: int = 1
    ) -> Iterator[list[FeatureBatch]]:
        """Yield an epoch's minibatches whole: features are held anyway, and a head keeps little."""
        del pieces
        features, labels = self._features("train"), self._labels["train"]
        for chosen in _epoch(len(labels), seeds, epoch, self._batch_size):
            sentences = torch.stack(chosen)
            rows = features[sentences.flatten()].unsqueeze(1)
            yield [FeatureBatch(rows, labels[sentences].to(rows.device))]

    def evaluation(self, split: str, runs: int) -> Iterator[tuple[Tensor, FeatureBatch]]:
        """Yield (sentence numbers, batch) over a split by name, the same for all runs."""
        labels = self._labels[split]
        for chosen in torch.arange(len(labels)).split(EVALUATION_TOKENS):
            rows = self._features(split)[chosen].repeat(runs, 1).unsqueeze(1)
            yield chosen, FeatureBatch(rows, labels[chosen].expand(runs, -1).to(rows.device))

    def labels(self, split: str) -> Tensor:
        """Return the labels (n,) int64 of a split by name."""
        return self._labels[split]
