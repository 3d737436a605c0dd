"""Which part of a step's minibatch a batch is, where a step is computed in pieces."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Share:
    """Which part of a step's minibatch a batch is: the whole's masks are drawn, its own are taken.

    Attributes:
        row_tokens: of the whole's rows, as in `RunDropout`.
        first_tokens: of each run, where its row begins in the whole's.
        sentences, first_sentence: how many the whole has of each run, and where this part begins;
            count: how many are in it.
        start: states of the generators when the step began, one list for all its parts; the first
            part fills it.
    """

    row_tokens: tuple[int, ...]
    first_tokens: tuple[int, ...]
    sentences: int
    first_sentence: int
    count: int
    start: list[Tensor]
