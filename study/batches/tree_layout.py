"""Where attention finds its tokens in a batch whose pairs share beginnings.

A token that several pairs have in common stands once. So a pair's keys are its path: beginnings
that others own, then its own tokens. Queries are each pair's own tokens alone, since every token is
owned by one pair. Going back, the gradient of a key is the sum over the paths that it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from study.batches.grouping import grouped
from study.batches.layout import HeadBlock, HeadBlocks, Layout, Sum

_STEP = 4  # blocks are padded to multiples; see study.batches.packing


@dataclass(frozen=True)
class Queries:
    """The queries of S pairs among all query rows; each pair's lie together, in order.

    Attributes:
        start, count: (S,) int64, of each pair's rows; count may be 0.
        positions: (rows,) int64, of every query row's token within its pair.
    """

    start: Tensor
    count: Tensor
    positions: Tensor


@dataclass(frozen=True)
class TreeBlock:
    """Pairs whose queries and keys are padded to the most of them.

    Attributes:
        keys: (b, K) int64, the places of a path's tokens; padding repeats the last.
        reach: (b,) int64, how many of them are no padding.
        queries: (b, Q) int64, query rows; padding repeats the last.
        count: (b,) int64, how many of them are no padding.
        positions: (b, Q) int64, of the queries: none sees a key behind its own position.
    """

    keys: Tensor
    reach: Tensor
    queries: Tensor
    count: Tensor
    positions: Tensor


class TreeLayout(Layout):
    """Where every pair's queries and keys are; see `of`.

    Args:
        trees: cover every query row that attention must compute exactly once.
        num_tokens: T, rows of keys and values; num_queries: rows of queries.
        device: that attention computes on. Index tensors are made on the CPU and copied: a GPU
            would wait for sizes that depend on values.
    """

    def __init__(
        self,
        trees: Sequence[TreeBlock],
        num_tokens: int,
        num_queries: int,
        device: torch.device | None = None,
    ) -> None:
        self.trees, self._device = tuple(trees), device
        self.num_tokens, self.num_queries = num_tokens, num_queries
        self.longest = max(tree.keys.shape[1] for tree in self.trees)
        self._cache = {}

    @classmethod
    def of(cls, paths: Tensor, queries: Queries, num_tokens: int, most: int) -> TreeLayout:
        """Lay out pairs.

        Args:
            paths: (S, longest) int64, the place of every token of every pair among `num_tokens`.
            most: blocks at the most.
        """
        used = (queries.count > 0).nonzero()[:, 0]
        count = queries.count[used]
        reach = queries.positions[queries.start[used] + count - 1] + 1
        trees = []
        for group in grouped(count, reach, most):
            pairs, wide = used[group], _padded(int(count[group].max()))
            place = torch.arange(_padded(int(reach[group].max())))
            keys = paths[pairs].gather(1, place.minimum(reach[group][:, None] - 1))
            row = torch.arange(wide).minimum(count[group][:, None] - 1)
            rows = queries.start[pairs][:, None] + row
            trees.append(TreeBlock(keys, reach[group], rows, count[group], queries.positions[rows]))
        return cls(trees, num_tokens, len(queries.positions))

    def to(self, device: torch.device) -> TreeLayout:
        """Return the layout on a device."""
        return TreeLayout(self.trees, self.num_tokens, self.num_queries, device)

    def _build(
        self, heads: int, key_heads: int, causal: bool, dtype: torch.dtype, readout: bool
    ) -> HeadBlocks:
        if not causal or readout:
            raise ValueError("beginnings are shared only where no token sees those behind it")
        head = torch.arange(heads).view(1, heads, 1)
        key_head = head[:, :key_heads]
        each, query_rows, key_rows, biases, reals = [], [], [], [], []
        query_start = key_start = score_start = 0
        for tree in self.trees:
            (b, wide), long = tree.queries.shape, tree.keys.shape[1]
            # Query heads that share keys are further queries of these: keys are gathered once.
            shape = (b * key_heads, heads // key_heads * wide, long)
            each.append(HeadBlock(shape, None, query_start, key_start, score_start))
            query_start += b * heads * wide
            key_start += b * key_heads * long
            score_start += b * heads * wide * long
            query_rows.append((tree.queries.unsqueeze(1) * heads + head).flatten())
            key_rows.append((tree.keys.unsqueeze(1) * key_heads + key_head).flatten())
            behind = torch.arange(long) > tree.positions.unsqueeze(-1)
            bias = torch.zeros(behind.shape).masked_fill_(behind, float("-inf"))
            biases.append(bias.unsqueeze(1).expand(b, heads, wide, long).flatten())
            real = _real(tree.queries, tree.count).to(dtype)
            reals.append(real.unsqueeze(1).expand(b, heads, wide).flatten())
        key_slots, sums = self._key_slots(key_heads)

        def there(x: Tensor) -> Tensor:
            return x if self._device is None else x.to(self._device, non_blocking=True)

        return HeadBlocks(
            each=tuple(each),
            query_rows=there(torch.cat(query_rows)),
            key_rows=there(torch.cat(key_rows)),
            query_slots=there(self._query_slots(heads)),
            key_slots=there(key_slots),
            scores=score_start,
            bias=there(torch.cat(biases)),
            real=there(torch.cat(reals).unsqueeze(1)),
            sums=tuple(Sum(there(one.rows), there(one.slots), one.width) for one in sums),
        )

    def _query_slots(self, heads: int) -> Tensor:
        """Return for each (query row, head) its row of the flat queries, (Q * heads,)."""
        rows, slots, total = self._slots_of(heads, [(t.queries, t.count) for t in self.trees])
        found = slots.new_full((self.num_queries, heads), total)
        found[rows] = slots
        return found.flatten()

    def _key_slots(self, heads: int) -> tuple[Tensor, tuple[Sum, ...]]:
        """Return for each (token, head) a row of the flat keys that it is in, and those in several.

        Tokens of about as many rows are summed together: of 2, up to 4, up to 8 and so on.
        """
        tokens, slots, total = self._slots_of(heads, [(t.keys, t.reach) for t in self.trees])
        order = tokens.argsort(stable=True)
        tokens, slots = tokens[order], slots[order]
        counts = torch.bincount(tokens, minlength=self.num_tokens)
        first = counts.cumsum(0) - counts
        found = slots.new_full((self.num_tokens, heads), total)
        found[tokens] = slots  # of several any: they are summed
        padded = torch.cat([slots, slots.new_full((1, heads), total)])
        head = torch.arange(heads)
        sums, most, width = [], int(counts.max()), 2
        while width // 2 < most:
            chosen = ((counts > width // 2) & (counts <= width)).nonzero()[:, 0]
            if len(chosen):
                place = torch.arange(width)
                at = first[chosen][:, None] + place
                at = at.masked_fill(place >= counts[chosen][:, None], len(slots))
                rows = (chosen[:, None] * heads + head).flatten()
                sums.append(Sum(rows, padded[at].transpose(1, 2).flatten(), width))
            width *= 2
        return found.flatten(), tuple(sums)

    @staticmethod
    def _slots_of(
        heads: int, blocks: Sequence[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor, int]:
        """Return which row each place that is no padding holds, and its flat rows by head.

        Args:
            blocks: (b, L) of rows, and how many of each are no padding, (b,).

        Returns:
            (n,), (n, heads), and how many flat rows there are.
        """
        rows, slots, start = [], [], 0
        for of, count in blocks:
            b, length = of.shape
            slot = torch.arange(start, start + b * heads * length)
            start += len(slot)
            real = _real(of, count)
            rows.append(of[real])
            slots.append(slot.view(b, heads, length).transpose(1, 2)[real])
        return torch.cat(rows), torch.cat(slots), start


def _padded(size: int) -> int:
    return -(-size // _STEP) * _STEP


def _real(places: Tensor, count: Tensor) -> Tensor:
    """Return which of (b, L) places are no padding."""
    return torch.arange(places.shape[1]) < count[:, None]
