"""Pairs that begin alike: within a run, tokens that are the same from the first on stand once.

In a step every run has one set of weights, so the states of a system message, of a template or of
whatever else pairs have in common from their first token on are the same in all of them. They are
computed once, whoever follows attends to them, and the backward pass adds up what comes back: the
same numbers, up to the order of sums. All pairs of a run make one tree, of which a token is a node:

    <system> Is this review ... : good film -> positive
    |        |                    dull -> negative          a pair owns what no pair before it has
    |        Name the sentiment : fine -> positive

Not where dropout draws, whose masks would be shared too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from study.batches.asked import Asked, Responses
from study.batches.packing import ROW_STEP, PackedBatch, is_shared, pack
from study.batches.tree_layout import Queries, TreeLayout
from study.records.prepared import Batching, Split

SPARE_BLOCKS = 1  # attention blocks beside those of `pack`, for a pair that owns a long beginning
ASKED_STEP = 32  # numbers of tokens that predict are rounded up to it
_PATHS = 4  # how many times as many tokens a batch's paths may have as it computes


class _Tree(NamedTuple):
    """One run's pairs.

    Attributes:
        ids, positions: (N,) int64, of the tokens that are computed.
        paths: (B, longest) int64, the place of every token of every pair in N; padding repeats its
            last.
        lengths: (B,) int64, of the pairs; owned: how many of its last tokens a pair owns.
        start: (B,) int64, where those begin in N.
    """

    ids: Tensor
    positions: Tensor
    paths: Tensor
    lengths: Tensor
    owned: Tensor
    start: Tensor


def pack_shared(
    split: Split, sentences: Sequence[Tensor], pad_token_id: int, blocks: int
) -> PackedBatch:
    """Lay each run's pairs end to end, beginnings that they have in common once.

    Args:
        split: whose labels are numbers of response tokens; without token types.
        sentences: one (B,) int64 tensor of pair numbers a run; equal tensors may be the same
            object.
        blocks: number of attention blocks a run, as in `study.batches.packing.pack`.
    """
    if split.token_types is not None:
        raise ValueError("pairs with token types begin alike only if those are alike too")
    made = {id(chosen): _tree(split, chosen) for chosen in sentences}
    trees = [made[id(chosen)] for chosen in sentences]
    runs, width = len(trees), _round_up(max(len(tree.ids) for tree in trees), ROW_STEP)
    input_ids = torch.full((runs, width), pad_token_id, dtype=torch.int64)
    position_ids = torch.zeros(runs, width, dtype=torch.int64)
    for run, tree in enumerate(trees):
        input_ids[run, : len(tree.ids)] = tree.ids
        position_ids[run, : len(tree.ids)] = tree.positions
    offsets = torch.arange(runs) * width
    paths = _ragged([tree.paths + offset for tree, offset in zip(trees, offsets, strict=True)])
    lengths = torch.cat([tree.lengths for tree in trees])
    start = torch.cat([tree.start + offset for tree, offset in zip(trees, offsets, strict=True)])
    owned = torch.cat([tree.owned for tree in trees])
    labels = torch.stack([split.labels[chosen] for chosen in sentences])
    most = blocks * (1 if is_shared(sentences) else runs) + SPARE_BLOCKS
    flat = position_ids.flatten()
    layout = TreeLayout.of(paths, Queries(start, owned, flat), runs * width, most)
    asked = _asked(input_ids, flat, paths, lengths, labels, start, owned, most)
    last = paths.gather(1, lengths[:, None] - 1).view(labels.shape)
    tokens = tuple(len(tree.ids) for tree in trees)
    first = paths[:, 0].view(labels.shape)
    return PackedBatch(input_ids, position_ids, layout, first, last, labels, tokens, asked=asked)


def pack_as(
    batching: Batching, split: Split, sentences: Sequence[Tensor], pad_token_id: int, blocks: int
) -> PackedBatch:
    """Lay out pairs for a model that computes in a way: beginnings once where it is "shared"."""
    if batching == "shared":
        return pack_shared(split, sentences, pad_token_id, blocks)
    return pack(split, sentences, pad_token_id, blocks)


def _tree(split: Split, chosen: Tensor) -> _Tree:
    offsets, lengths = split.offsets[chosen], split.lengths[chosen].long()
    rows = [
        split.input_ids[o : o + n] for o, n in zip(offsets.tolist(), lengths.tolist(), strict=True)
    ]
    order, common = _common(rows)
    paths = torch.empty(len(rows), int(lengths.max()), dtype=torch.int64)
    owned, start = torch.empty_like(lengths), torch.empty_like(lengths)
    ids, positions, kept, before = [], [], 0, order[0]
    for pair, alike in zip(order, common, strict=True):
        length = len(rows[pair])
        own = length - alike
        paths[pair, :alike] = paths[before, :alike]
        paths[pair, alike:length] = torch.arange(kept, kept + own)
        paths[pair, length:] = paths[pair, length - 1]
        owned[pair], start[pair] = own, kept
        ids.append(rows[pair][alike:].long())
        positions.append(torch.arange(alike, length))
        kept, before = kept + own, pair
    return _Tree(torch.cat(ids), torch.cat(positions), paths, lengths, owned, start)


def _common(rows: Sequence[Tensor]) -> tuple[list[int], list[int]]:
    """Return rows in dictionary order, and how many first tokens each has of the one before it.

    No row that comes before has more of its tokens.
    """
    listed = [row.tolist() for row in rows]
    order = sorted(range(len(rows)), key=listed.__getitem__)
    ids = pad_sequence([rows[i] for i in order], batch_first=True, padding_value=-1)
    alike = ((ids[1:] == ids[:-1]) & (ids[1:] >= 0)).cumprod(dim=1).sum(dim=1)
    return order, [0, *alike.tolist()]


def _asked(
    input_ids: Tensor,
    positions: Tensor,
    paths: Tensor,
    lengths: Tensor,
    labels: Tensor,
    start: Tensor,
    owned: Tensor,
    most: int,
) -> Asked:
    """Find the tokens that predict; a token may predict for several pairs.

    Args:
        paths, start: in R * N; most: blocks at the most.
    """
    (runs, width), asked = input_ids.shape, labels.flatten()
    pairs = torch.arange(len(asked)).repeat_interleave(asked)
    ends = asked.cumsum(0)
    behind = ends[pairs] - torch.arange(len(pairs))  # from the last, 1 on
    target = lengths[pairs] - behind  # positions
    responses = Responses(
        paths[pairs, target - 1], input_ids.flatten()[paths[pairs, target]], pairs
    )
    places = responses.predictors.unique()  # in order: by run, and by owner in it
    counts = torch.bincount(places // width, minlength=runs)
    each = _round_up(int(counts.max()), ASKED_STEP)
    real = (torch.arange(each) < counts[:, None]).flatten().nonzero()[:, 0]
    rows = (torch.arange(runs) * width).repeat_interleave(each)
    rows[real] = places
    # Of each pair's own stretch of places, from where to where they are asked for.
    begin, end = (torch.searchsorted(places, edge) for edge in (start, start + owned))
    of_run = start // width
    first_row = of_run * each + begin - (counts.cumsum(0) - counts)[of_run]
    queries = Queries(first_row, end - begin, positions[rows])
    return Asked(responses, rows, real, TreeLayout.of(paths, queries, runs * width, most))


def by_beginning(split: Split, tokens: int) -> list[Tensor]:
    """Cut a split into parts of about `tokens` tokens that are computed, pairs alike side by side.

    Each part is a (b,) int64 tensor of pair numbers.
    """
    rows = split.input_ids.split(split.lengths.tolist())
    order, common = _common(rows)
    parts: list[list[int]] = []
    computed = on_paths = 0
    for pair, alike in zip(order, common, strict=True):
        length = len(rows[pair])
        computed, on_paths = computed + length - alike, on_paths + length
        if not parts or computed > tokens or on_paths > _PATHS * tokens:
            parts.append([])
            computed = on_paths = length
        parts[-1].append(pair)
    return [torch.tensor(part) for part in parts]


def _ragged(parts: Sequence[Tensor]) -> Tensor:
    """Lay (B, n) tensors of several n one below the other; what is missing repeats the last."""
    most = max(part.shape[1] for part in parts)
    return torch.cat([part[:, torch.arange(most).clamp(max=part.shape[1] - 1)] for part in parts])


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
