"""Minibatches: which sentences, in which order, laid end to end without padding.

The order is drawn from the run's seed alone, so that every arm and rank sees the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from study.batches import streams
from study.batches.asked import Asked
from study.batches.layout import Block, Drawn, Layout
from study.batches.share import Share
from study.records.prepared import Split

BLOCKS = 2  # attention blocks a minibatch; more pad less and launch more
POOLED_BLOCKS = 1  # blocks that each further run adds where blocks are pooled

# Rows and blocks are rounded up to these lengths: matrix kernels are made for a shape when it is
# first met, so that a few shapes that come back beat a new one every step.
ROW_STEP = 64
LENGTH_STEP = 4


@dataclass(frozen=True)
class PackedBatch:
    """One minibatch for each of R runs.

    Attributes:
        input_ids, position_ids: (R, N) int64; a row shorter than the longest ends in padding that
            no sentence's attention sees and no head reads.
        layout: where the sentences stand, for attention.
        first, last: (R, B) int64, the place of each sentence's first and last token in R * N.
        labels: (R, B) int64.
        row_tokens: how many places of each row are real tokens.
        share: which part of a step's minibatch this is, where dropout needs to know.
        token_types: (R, N) int64, as in `Split`; None: there are none.
        asked: which tokens' output is read, of a batch in which beginnings that sentences have in
            common stand once (`study.batches.beginnings`), and they lie on paths; None: they lie
            end to end.
    """

    input_ids: Tensor
    position_ids: Tensor
    layout: Layout
    first: Tensor
    last: Tensor
    labels: Tensor
    row_tokens: tuple[int, ...]
    share: Share | None = None
    token_types: Tensor | None = None
    asked: Asked | None = None

    def to(self, device: torch.device) -> PackedBatch:
        """Return the batch on a device."""
        if self.input_ids.device == device:
            return self
        tensors = (self.input_ids, self.position_ids, self.first, self.last, self.labels)
        ids, positions, first, last, labels = (x.to(device, non_blocking=True) for x in tensors)
        types = self.token_types
        types = None if types is None else types.to(device, non_blocking=True)
        layout, own = self.layout.to(device), (self.row_tokens, self.share)
        asked = None if self.asked is None else self.asked.to(device)
        return PackedBatch(ids, positions, layout, first, last, labels, *own, types, asked)


@dataclass(frozen=True)
class FeatureBatch:
    """One minibatch of features that a frozen encoder gave, for each of R runs.

    Attributes:
        features: (R * B, 1, hidden), run-major.
        labels: (R, B) int64.
    """

    features: Tensor
    labels: Tensor


Batch = PackedBatch | FeatureBatch


def pack(
    split: Split,
    sentences: Sequence[Tensor],
    pad_token_id: int,
    blocks: int,
    pooled: bool = False,
    groups: Sequence[Sequence[Group]] | None = None,
) -> PackedBatch:
    """Lay each run's sentences end to end.

    Args:
        sentences: one (B,) int64 tensor of sentence numbers a run; equal tensors may be the same
            object, and then attention serves all runs with one set of blocks.
        blocks: number of attention blocks a run.
        pooled: let a block hold sentences of any runs: fewer blocks, so fewer and larger
            operations. Not for attention with dropout, whose masks belong to a run each.
        groups: the blocks of each run, or of the one whose sentences all share; None: as many as
            `blocks` says.
    """
    shared = is_shared(sentences)
    own = sentences[:1] if shared else sentences
    rows = [_row(split, chosen) for chosen in own]
    width = _round_up(max(len(ids) for ids, _, _ in rows), ROW_STEP)
    runs = len(sentences)
    input_ids = torch.full((len(rows), width), pad_token_id, dtype=torch.int64)
    position_ids = torch.zeros(len(rows), width, dtype=torch.int64)
    starts, attention = [], []
    for r, (ids, positions, lengths) in enumerate(rows):
        input_ids[r, : len(ids)] = ids
        position_ids[r, : len(ids)] = positions
        start = lengths.cumsum(0) - lengths
        starts.append(start + r * width)
        if not pooled:
            run = None if shared else r
            alike = by_likeness(lengths, blocks) if groups is None else groups[r]
            attention += _blocks(start + r * width, lengths, alike, run, r * len(lengths))
    first = torch.stack(starts)
    every = torch.stack([lengths for _, _, lengths in rows])
    last = first + every - 1
    if pooled:
        count = blocks + POOLED_BLOCKS * (len(rows) - 1)
        attention = _blocks(
            first.flatten(), every.flatten(), by_likeness(every.flatten(), count), None
        )
    types = _types(split, own, width)
    if shared and runs > 1:
        input_ids, position_ids = (x.expand(runs, -1) for x in (input_ids, position_ids))
        types = None if types is None else types.expand(runs, -1)
        offsets = torch.arange(runs) * width
        first, last = first + offsets[:, None], last + offsets[:, None]
        attention = [_repeat(block, offsets, first.shape[1]) for block in attention]
    elif runs == 1:
        attention = [replace(block, run=None) for block in attention]
    labels = torch.stack([split.labels[chosen] for chosen in sentences])
    tokens = tuple(len(ids) for ids, _, _ in rows) * (runs if shared else 1)
    layout = Layout(attention, runs * width, first.numel())
    return PackedBatch(
        input_ids, position_ids, layout, first, last, labels, tokens, token_types=types
    )


def _row(split: Split, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return token ids (N,), positions within the sentence (N,) and lengths (B,)."""
    places, positions, lengths = _places(split, chosen)
    return split.input_ids[places].long(), positions, lengths


def _places(split: Split, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where sentences' tokens stand in the split (N,), and the rest as `_row`."""
    lengths = split.lengths[chosen].long()
    ends = lengths.cumsum(0)
    positions = torch.arange(int(ends[-1])) - (ends - lengths).repeat_interleave(lengths)
    return split.offsets[chosen].repeat_interleave(lengths) + positions, positions, lengths


def _types(split: Split, sentences: Sequence[Tensor], width: int) -> Tensor | None:
    """Return the token types of sentences that lie as their ids, (rows, width); padding has 0."""
    if split.token_types is None:
        return None
    made = torch.zeros(len(sentences), width, dtype=torch.int64)
    for row, chosen in zip(made, sentences, strict=True):
        places, _, _ = _places(split, chosen)
        row[: len(places)] = split.token_types[places]
    return made


class Group(NamedTuple):
    """Sentences (b,) of a row that make a block, and the length that it pads them to."""

    sentences: Tensor
    longest: int
    drawn: Drawn | None = None


def is_shared(sentences: Sequence[Tensor]) -> bool:
    """Tell whether all runs have the same sentences: one tensor, many times."""
    return all(chosen is sentences[0] for chosen in sentences)


def by_likeness(lengths: Tensor, count: int) -> list[Group]:
    """Group sentences of like length, so that a block pads little."""
    order = torch.argsort(lengths, stable=True)
    return [
        Group(group, _round_up(int(lengths[group].max()), LENGTH_STEP))
        for group in order.tensor_split(min(count, len(order)))
    ]


def _blocks(
    start: Tensor, lengths: Tensor, groups: Sequence[Group], run: int | None, number: int = 0
) -> list[Block]:
    """Make a block of each group, whose sentences are numbered from `number` on."""
    made = []
    for group, longest, drawn in groups:
        place = torch.arange(longest)
        padding = place >= lengths[group][:, None]
        tokens = torch.where(padding, start[group][:, None], start[group][:, None] + place)
        hidden = padding if bool(padding.any()) else None
        made.append(Block(tokens, hidden, run, group + number, drawn))
    return made


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _repeat(block: Block, offsets: Tensor, sentences: int) -> Block:
    """Let the block hold the same sentences of every run, one run behind the other.

    Args:
        offsets: (R,) of each run's first token.
        sentences: of each run.
    """
    tokens = torch.cat([block.tokens + offset for offset in offsets])
    padding = None if block.padding is None else block.padding.repeat(len(offsets), 1)
    numbers = [block.sentences + run * sentences for run in range(len(offsets))]
    drawn = block.drawn
    if drawn is not None:
        own = [drawn.own + run * drawn.rows for run in range(len(offsets))]
        drawn = Drawn(drawn.rows * len(offsets), torch.cat(own))
    return Block(tokens, padding, None, torch.cat(numbers), drawn)


def epoch_order(num_sentences: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the training sentences (n,) in one epoch of one seed's runs."""
    return torch.randperm(num_sentences, generator=streams.generator(seed, "order", epoch))


def by_length(split: Split, tokens: int) -> list[Tensor]:
    """Cut a split into parts of about `tokens` tokens whose sentences are of like length.

    Attention then pads next to nothing. Each part is a (b,) int64 tensor of sentence numbers.
    """
    order = torch.argsort(split.lengths, stable=True)
    ends = split.lengths[order].long().cumsum(0)
    _, counts = torch.unique_consecutive((ends - 1) // tokens, return_counts=True)
    return list(order.split(counts.tolist()))
