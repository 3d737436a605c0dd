"""What adapters are scored on: sentences with classes or numbers, or pairs with responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.metrics.measure import Measure

Array = NDArray[Any]
TOKENS = 4096  # of a batch, padding included
FOR_MOMENTS = 1000  # examples whose layer inputs weigh the cuts, as in the study


class Examples(Protocol):
    """What a model is scored on."""

    @property
    def measure(self) -> Measure:
        """By what."""

    @property
    def unit(self) -> str:
        """What one of them is called."""

    @property
    def margin(self) -> float:
        """How many points would not matter, where nobody said it."""

    @property
    def point(self) -> str:
        """What a point is, where it is no point of per cent; empty else."""

    def __len__(self) -> int: ...

    def parts(self, model: Any) -> Array:
        """Return each example's part in the score, (n,)."""

    def shown(self, value: float) -> str:
        """Write a score."""

    def run(self, model: Any, told: Callable[[Tensor], None]) -> None:
        """Call the model on some of them, each batch's mask told before."""


@dataclass(frozen=True)
class Batch:
    """Rows of one length or shorter ones with padding behind.

    Attributes:
        places: of the rows among all.
        ids, mask: (b, t); types: (b, t) token types, None where there are none.
    """

    places: list[int]
    ids: Tensor
    mask: Tensor
    types: Tensor | None

    def call(self, model: Any) -> Any:
        """Return what a model gives."""
        more = {} if self.types is None else {"token_type_ids": self.types}
        return model(input_ids=self.ids, attention_mask=self.mask, **more)


def batches(
    rows: Sequence[Tensor], padding: int, types: Sequence[Tensor] | None = None
) -> Iterator[Batch]:
    """Lay rows of ids out in batches of about `TOKENS`, the longest first."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    start = 0
    while start < len(order):
        longest = len(rows[order[start]])
        places = order[start : start + max(1, TOKENS // longest)]
        start += len(places)
        yield Batch(
            places,
            _padded([rows[i] for i in places], padding),
            _padded([torch.ones_like(rows[i]) for i in places], 0),
            None if types is None else _padded([types[i] for i in places], 0),
        )


def _padded(rows: Sequence[Tensor], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        [row.long() for row in rows], batch_first=True, padding_value=value
    )


def spread(count: int) -> list[int]:
    """Places of at most `FOR_MOMENTS` examples, from all over the data."""
    places = np.linspace(0, count - 1, min(count, FOR_MOMENTS)).round().astype(int)
    return sorted(set(places.tolist()))
