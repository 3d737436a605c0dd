"""Where the sentences of a packed batch stand, and the index tensors that attention takes from it.

Sentences of like length form a block, padded to the longest. The blocks of all heads lie end to end
in one flat buffer of queries, one of keys (and values) and one of scores, so that a gather, a cast
or a mask is one operation for all of them; a `HeadBlock` cuts its own part out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Drawn(NamedTuple):
    """For what attention's dropout draws, where a block is a part of a larger one.

    Attributes:
        rows: (sentences, or their heads) of the larger block, whose masks are drawn.
        own: (r,) int64, which of them are this block's.
    """

    rows: int
    own: Tensor


@dataclass(frozen=True)
class Block:
    """Sentences of like length, padded to the longest of them.

    Attributes:
        tokens: (b, L) int64, the place of every token among the T = R * N packed ones; padding
            points at the sentence's first token, whose contribution `padding` removes.
        padding: (b, L) bool, True where there is no token; None if all have the same length.
        run: the run that the sentences belong to, or None: the block holds the sentences of all
            runs, an equal share each, one run behind the other.
        sentences: (b,) int64, which of the R * B sentences these are.
        drawn: None: for these sentences and no others.
    """

    tokens: Tensor
    padding: Tensor | None
    run: int | None
    sentences: Tensor
    drawn: Drawn | None = None

    def to(self, device: torch.device) -> Block:
        """Return the block on a device."""
        padding = None if self.padding is None else self.padding.to(device, non_blocking=True)
        tokens, sentences = (x.to(device, non_blocking=True) for x in (self.tokens, self.sentences))
        drawn = self.drawn
        if drawn is not None:
            drawn = Drawn(drawn.rows, drawn.own.to(device, non_blocking=True))
        return Block(tokens, padding, self.run, sentences, drawn)


@dataclass(frozen=True)
class HeadBlock:
    """One block's part of the flat buffers; n = b * heads.

    Attributes:
        shape: (n, queries, keys) of a sentence's head; or of a head of keys, with the queries of
            all heads that share it and n = b * key_heads.
        run, drawn: as in `Block`, a row for every head.
    """

    shape: tuple[int, int, int]
    run: int | None
    query_start: int
    key_start: int
    score_start: int
    drawn: Drawn | None = None

    def queries(self, rows: Tensor) -> Tensor:
        """Cut (n, queries, d) out of (rows, d)."""
        n, queries, _ = self.shape
        return _cut(rows, self.query_start * rows.shape[1], (n, queries, rows.shape[1]))

    def keys(self, rows: Tensor) -> Tensor:
        """Cut (n, keys, d) out of (rows, d)."""
        n, _, keys = self.shape
        return _cut(rows, self.key_start * rows.shape[1], (n, keys, rows.shape[1]))

    def scores(self, flat: Tensor) -> Tensor:
        """Cut (n, queries, keys) out of a flat tensor."""
        return _cut(flat, self.score_start, self.shape)


def _cut(flat: Tensor, start: int, shape: tuple[int, int, int]) -> Tensor:
    """View a stretch of a contiguous tensor in one operation, where narrow and view are two."""
    _, rows, width = shape
    return flat.as_strided(shape, (rows * width, width, 1), flat.storage_offset() + start)


class Sum(NamedTuple):
    """Keys that stand in several rows of the flat buffer, whose gradients are to be added up.

    Attributes:
        rows: (m,) of the (T * heads, d) gradients.
        slots: (m * width,) the rows of each, up to `width` of them; behind them the zeros.
    """

    rows: Tensor
    slots: Tensor
    width: int


@dataclass(frozen=True)
class HeadBlocks:
    """What attention of a number of heads needs to know of a batch.

    Attributes:
        each: the blocks.
        query_rows: (rows,) of the (Q * heads, d) view of the queries.
        key_rows: (rows,) of the (T * key_heads, d) view of keys and values.
        query_slots: (Q * heads,) where each row's result is found; places outside every block get
            the one extra slot behind the last, which holds zeros.
        key_slots: (T * heads,), the same for the gradients of keys and values; or (T * key_heads,).
        scores: how many scores there are.
        bias: (scores,) fp32, 0 or -inf, added to the scores; None: nothing is hidden.
        real: (rows, 1), 1 for queries that are tokens and 0 for padding; None: all are.
        sums: keys in several rows, whose `key_slots` are one of them.
    """

    each: tuple[HeadBlock, ...]
    query_rows: Tensor
    key_rows: Tensor
    query_slots: Tensor
    key_slots: Tensor
    scores: int
    bias: Tensor | None
    real: Tensor | None
    sums: tuple[Sum, ...] = ()


class Layout:
    """Where every sentence of a packed batch stands; the same for all layers of a step.

    Args:
        blocks: cover every token that attention must see exactly once.
        num_tokens: T = R * N, places that no block covers (padding at a row's end) included.
        num_sentences: R * B.
    """

    def __init__(self, blocks: Sequence[Block], num_tokens: int, num_sentences: int) -> None:
        self.blocks = tuple(blocks)
        self.num_tokens, self.num_sentences = num_tokens, num_sentences
        self.longest = max(block.tokens.shape[1] for block in self.blocks)  # padding included
        self._cache: dict[tuple[int, int, bool, torch.dtype, bool], HeadBlocks] = {}

    def to(self, device: torch.device) -> Layout:
        """Return the layout on a device."""
        blocks = [block.to(device) for block in self.blocks]
        return Layout(blocks, self.num_tokens, self.num_sentences)

    def for_heads(
        self,
        heads: int,
        key_heads: int,
        causal: bool,
        dtype: torch.dtype,
        readout: bool = False,
    ) -> HeadBlocks:
        """Return the index tensors for attention with `heads` query heads.

        Args:
            key_heads: a divisor of `heads`; fewer where query heads share keys and values.
            causal: a token sees none behind it.
            dtype: of `HeadBlocks.real`.
            readout: there is one query a sentence, its first token's, and row i of the queries is
                sentence i's.
        """
        key = (heads, key_heads, causal, dtype, readout)
        if key not in self._cache:
            self._cache[key] = self._build(*key)
        return self._cache[key]

    def _build(
        self, heads: int, key_heads: int, causal: bool, dtype: torch.dtype, readout: bool
    ) -> HeadBlocks:
        device = self.blocks[0].tokens.device
        head = torch.arange(heads, device=device).view(1, heads, 1)
        key_head = head // (heads // key_heads)  # grouped-query attention shares key heads
        hidden = causal or any(block.padding is not None for block in self.blocks)
        each, query_rows, key_rows, biases, reals = [], [], [], [], []
        query_start = key_start = score_start = 0
        for block in self.blocks:
            b, length = block.tokens.shape
            places = block.sentences[:, None] if readout else block.tokens
            queries = places.shape[1]
            at = HeadBlock(
                (b * heads, queries, length),
                block.run,
                query_start,
                key_start,
                score_start,
                None if block.drawn is None else _by_head(block.drawn, head),
            )
            each.append(at)
            query_start += b * heads * queries
            key_start += b * heads * length
            score_start += b * heads * queries * length
            query_rows.append((places.unsqueeze(1) * heads + head).flatten())
            key_rows.append((block.tokens.unsqueeze(1) * key_heads + key_head).flatten())
            if hidden:
                biases.append(_bias(block, heads, queries, causal))
            if not readout:
                reals.append(_real(block, heads, dtype))
        padded = not readout and any(block.padding is not None for block in self.blocks)
        key_slots = self._slots(heads)
        if readout:
            slots = torch.empty(self.num_sentences * heads, dtype=torch.int64, device=device)
            slots[torch.cat(query_rows)] = torch.arange(query_start, device=device)
        return HeadBlocks(
            each=tuple(each),
            query_rows=torch.cat(query_rows),
            key_rows=torch.cat(key_rows),
            query_slots=slots if readout else key_slots,
            key_slots=key_slots,
            scores=score_start,
            bias=torch.cat(biases) if hidden else None,
            real=torch.cat(reals).unsqueeze(1) if padded else None,
        )

    def _slots(self, heads: int) -> Tensor:
        """Return for each (token, head) its row of the flat keys, (T * heads,)."""
        device = self.blocks[0].tokens.device
        total = sum(block.tokens.numel() for block in self.blocks) * heads
        # The row behind the last takes what padding writes: a mask would make a GPU wait.
        slots = torch.full((self.num_tokens + 1, heads), total, dtype=torch.int64, device=device)
        start = 0
        for block in self.blocks:
            b, length = block.tokens.shape
            slot = torch.arange(start, start + b * heads * length, device=device)
            start += b * heads * length
            by_token = slot.view(b, heads, length).transpose(1, 2)  # (b, L, heads)
            places = block.tokens
            if block.padding is not None:
                places = places.masked_fill(block.padding, self.num_tokens)
            slots[places.flatten()] = by_token.reshape(-1, heads)
        return slots[:-1].flatten()


def _by_head(drawn: Drawn, head: Tensor) -> Drawn:
    """Turn sentences into rows of (sentence, head); `head` holds the numbers of the heads."""
    heads = head.numel()
    rows = (drawn.own[:, None] * heads + head.view(1, heads)).flatten()
    return Drawn(drawn.rows * heads, rows)


def _bias(block: Block, heads: int, queries: int, causal: bool) -> Tensor:
    """Return what is added to a block's scores, flat; in full, since broadcasting is slower."""
    b, length = block.tokens.shape
    bias = torch.zeros(b, 1, 1, length, device=block.tokens.device)
    if block.padding is not None:
        bias.masked_fill_(block.padding.view(b, 1, 1, length), float("-inf"))
    if causal:
        # A readout's one query is the first token, the first row here.
        bias = bias + torch.full((queries, length), float("-inf"), device=bias.device).triu(1)
    return bias.expand(b, heads, queries, length).flatten()


def _real(block: Block, heads: int, dtype: torch.dtype) -> Tensor:
    b, length = block.tokens.shape
    if block.padding is None:
        return torch.ones(b * heads * length, dtype=dtype, device=block.tokens.device)
    return (~block.padding).to(dtype).unsqueeze(1).expand(b, heads, length).flatten()
