"""Every token's head has one place in the flat buffers, and what is gathered is found again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from study.batches.layout import HeadBlocks
from study.batches.packing import PackedBatch, pack
from study.records.prepared import Split


@dataclass(frozen=True)
class Made:
    """A packed batch and what is asked of its layout."""

    batch: PackedBatch
    heads: int
    key_heads: int
    causal: bool

    def for_heads(self, readout: bool = False, dtype: torch.dtype = torch.float32) -> HeadBlocks:
        layout = self.batch.layout
        return layout.for_heads(self.heads, self.key_heads, self.causal, dtype, readout)

    @property
    def sentence(self) -> Tensor:
        """Return (T,), the sentence that every place belongs to, -1 at the end of a row."""
        found = torch.full((self.batch.layout.num_tokens,), -1)
        ends = zip(self.batch.first.flatten(), self.batch.last.flatten(), strict=True)
        for i, (first, last) in enumerate(ends):
            found[first : last + 1] = i
        return found


@st.composite
def layouts(draw: st.DrawFn) -> Made:
    runs, size = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(1, 9), min_size=size, max_size=3 * size))
    total = sum(lengths)
    split = Split(
        torch.arange(total, dtype=torch.int32),
        torch.tensor(lengths, dtype=torch.int32),
        torch.zeros(len(lengths), dtype=torch.int64),
    )
    order = st.permutations(range(len(lengths))).map(lambda o: torch.tensor(o[:size]))
    shared = draw(st.booleans())
    chosen = [draw(order)] * runs if shared else [draw(order) for _ in range(runs)]
    blocks, pooled = draw(st.integers(1, 3)), draw(st.booleans())
    heads, key_heads = draw(st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)]))
    batch = pack(split, chosen, 0, blocks, pooled)
    return Made(batch, heads, key_heads, draw(st.booleans()))


@given(layouts())
def test_every_real_token_and_head_has_one_slot_and_others_none(made: Made) -> None:
    found, real = made.for_heads(), made.sentence >= 0
    slots = found.key_slots.view(-1, made.heads)
    assert len(slots) == made.batch.layout.num_tokens
    assert len(slots[real].unique()) == slots[real].numel() == int(real.sum()) * made.heads
    assert bool((slots[~real] == len(found.key_rows)).all())
    assert torch.equal(found.query_slots, found.key_slots)


@given(layouts())
def test_slots_after_rows_are_the_identity(made: Made) -> None:
    found, real = made.for_heads(), (made.sentence >= 0).repeat_interleave(made.heads)
    place = torch.arange(len(real))
    assert torch.equal(found.query_rows[found.query_slots[real]], place[real])
    token, head = place // made.heads, place % made.heads
    of_keys = token * made.key_heads + head // (made.heads // made.key_heads)
    assert torch.equal(found.key_rows[found.key_slots[real]], of_keys[real])


@given(layouts())
def test_a_readouts_rows_are_the_sentences_first_tokens(made: Made) -> None:
    found, whole = made.for_heads(readout=True), made.for_heads()
    places = torch.arange(made.batch.first.numel() * made.heads)
    assert torch.equal(found.query_rows[found.query_slots], places)
    assert torch.equal(found.query_slots[found.query_rows], places)
    assert torch.equal(found.key_rows, whole.key_rows)
    assert torch.equal(found.key_slots, whole.key_slots)
    assert found.real is None
    first = made.batch.first.flatten()
    for at in found.each:
        sentence = at.queries(found.query_rows.unsqueeze(1))[:, :, 0] // made.heads  # (n, 1)
        token = at.keys(found.key_rows.unsqueeze(1))[:, 0, 0] // made.key_heads
        assert torch.equal(first[sentence[:, 0]], token)


@given(layouts(), st.booleans())
def test_a_blocks_part_is_one_head_of_one_sentence(made: Made, readout: bool) -> None:
    found, sentence = made.for_heads(readout), made.sentence
    for at in found.each:
        queries = at.queries(found.query_rows.unsqueeze(1))[..., 0]
        keys = at.keys(found.key_rows.unsqueeze(1))[..., 0]
        own = sentence[keys // made.key_heads]
        assert bool((own == own[:, :1]).all())
        asks = queries // made.heads
        assert torch.equal(asks if readout else sentence[asks], own[:, : asks.shape[1]])
        head = queries % made.heads
        shared = keys % made.key_heads
        assert bool((head == head[:, :1]).all())
        assert bool((shared == head[:, :1] // (made.heads // made.key_heads)).all())
        if at.run is not None:
            assert bool((own // made.batch.first.shape[1] == at.run).all())


@given(layouts(), st.booleans())
def test_blocks_lie_end_to_end(made: Made, readout: bool) -> None:
    found = made.for_heads(readout)
    flats = [torch.arange(n) for n in (len(found.query_rows), len(found.key_rows), found.scores)]
    cut: list[list[Tensor]] = [[], [], []]
    for at in found.each:
        n, queries, keys = at.shape
        parts = (
            at.queries(flats[0].unsqueeze(1)),
            at.keys(flats[1].unsqueeze(1)),
            at.scores(flats[2]),
        )
        assert [*map(list, (p.shape for p in parts))] == [
            [n, queries, 1],
            [n, keys, 1],
            [n, queries, keys],
        ]
        for parts_of_kind, part in zip(cut, parts, strict=True):
            parts_of_kind.append(part.flatten())
    for flat, parts_of_kind in zip(flats, cut, strict=True):
        assert torch.equal(torch.cat(parts_of_kind), flat)


@given(layouts(), st.booleans())
def test_the_bias_hides_padding_and_what_comes_later(made: Made, readout: bool) -> None:
    found = made.for_heads(readout)
    slot_is_real = torch.zeros(len(found.key_rows) + 1, dtype=torch.bool)
    slot_is_real[found.key_slots] = True
    if found.bias is None:
        assert not made.causal
        assert bool(slot_is_real[:-1].all())
        return
    assert found.bias.dtype == torch.float32
    assert found.bias.shape == (found.scores,)
    for at in found.each:
        n, queries, keys = at.shape
        seen = at.keys(slot_is_real[:-1].unsqueeze(1))[:, None, :, 0].expand(n, queries, keys)
        if made.causal:  # a readout's query is its sentence's first token
            seen = seen & torch.ones(queries, keys, dtype=torch.bool).tril()
        expected = torch.zeros(at.shape).masked_fill(~seen, float("-inf"))
        assert torch.equal(at.scores(found.bias), expected)
        assert bool(seen.any(-1).all())  # else softmax has nothing to share out


@given(layouts(), st.sampled_from([torch.float32, torch.bfloat16]))
def test_real_marks_the_queries_that_are_tokens(made: Made, dtype: torch.dtype) -> None:
    found = made.for_heads(dtype=dtype)
    expected = torch.zeros(len(found.query_rows) + 1, 1, dtype=dtype)
    expected[found.query_slots] = 1
    if found.real is None:
        assert bool(expected[:-1].all())
    else:
        assert torch.equal(found.real, expected[:-1])


@given(layouts())
def test_a_layout_builds_its_tensors_once(made: Made) -> None:
    assert made.for_heads() is made.for_heads()
    assert made.for_heads() is not made.for_heads(readout=True)


def test_a_part_is_a_view() -> None:
    flat = torch.arange(4 * 12.0).view(-1, 2)
    split = Split(
        torch.arange(4, dtype=torch.int32), torch.tensor([4], dtype=torch.int32), torch.zeros(1)
    )
    (at,) = pack(split, [torch.tensor([0])], 0, 1).layout.for_heads(2, 2, False, flat.dtype).each
    at.keys(flat).zero_()
    assert not flat[:8].any()
    assert bool(flat[8:].all())
