"""Minibatches laid end to end: nothing lost, nothing twice, in an order that the seed fixes."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from study.batches.feeds import FeatureFeed
from study.batches.packing import PackedBatch, by_length, epoch_order, pack
from study.records.prepared import Split
from tests.study import toys


@st.composite
def splits(draw: st.DrawFn) -> Split:
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    ids = torch.arange(1, sum(lengths) + 1, dtype=torch.int32)  # all different
    labels = torch.arange(len(lengths)) % 3
    return Split(ids, torch.tensor(lengths, dtype=torch.int32), labels)


def sentence(data: Split, index: int) -> list[int]:
    start, end = data.offsets[index : index + 2].tolist()
    ids: list[int] = data.input_ids[start:end].tolist()
    return ids


def check(batch: PackedBatch, data: Split, chosen: list[list[int]]) -> None:
    """Read every sentence back out of the batch, through its places and through its blocks."""
    runs, width = batch.input_ids.shape
    flat = batch.input_ids.flatten()
    positions = batch.position_ids.flatten()
    expected = {}
    for run, sentences in enumerate(chosen):
        assert batch.row_tokens[run] == sum(len(sentence(data, i)) for i in sentences)
        for place, index in enumerate(sentences):
            first, last = int(batch.first[run, place]), int(batch.last[run, place])
            assert run * width <= first <= last < (run + 1) * width
            assert flat[first : last + 1].tolist() == sentence(data, index)
            assert positions[first : last + 1].tolist() == list(range(last - first + 1))
            assert int(batch.labels[run, place]) == int(data.labels[index])
            expected[first] = list(range(first, last + 1))
    seen = {}
    for block in batch.layout.blocks:
        real = torch.ones_like(block.tokens, dtype=torch.bool)
        if block.padding is not None:
            assert block.padding.any()
            real = ~block.padding
        for tokens, mask in zip(block.tokens, real, strict=True):
            seen[int(tokens[0])] = tokens[mask].tolist()
            assert bool((tokens[~mask] == tokens[0]).all())
            if block.run is not None:
                assert bool((tokens // width == block.run).all())
    assert seen == expected
    assert batch.layout.num_tokens == runs * width


@given(splits(), st.integers(1, 5), st.integers(1, 3), st.data())
@settings(max_examples=60)
def test_every_token_is_seen_exactly_once(
    data: Split, blocks: int, runs: int, draw: st.DataObject
) -> None:
    size = draw.draw(st.integers(1, len(data)))
    orders = st.permutations(range(len(data))).map(lambda order: order[:size])
    chosen = [draw.draw(orders) for _ in range(runs)]
    check(pack(data, [torch.tensor(c) for c in chosen], 0, blocks), data, chosen)
    pooled = pack(data, [torch.tensor(c) for c in chosen], 0, blocks, pooled=True)
    check(pooled, data, chosen)
    same = torch.tensor(chosen[0])
    check(pack(data, [same] * runs, 0, blocks, pooled=True), data, [chosen[0]] * runs)
    check(pack(data, [same] * runs, 0, blocks), data, [chosen[0]] * runs)


@given(splits(), st.integers(1, 30))
@settings(max_examples=60)
def test_parts_by_length_hold_each_sentence_once_in_order_of_length(
    data: Split, tokens: int
) -> None:
    parts = by_length(data, tokens)
    everyone = torch.cat(parts)
    assert sorted(everyone.tolist()) == list(range(len(data)))
    assert bool((data.lengths[everyone].diff() >= 0).all())
    assert all(int(data.lengths[part].sum()) < tokens + int(data.lengths.max()) for part in parts)


def test_an_epochs_order_is_a_permutation_that_seed_and_epoch_fix() -> None:
    keys = [(0, 1), (0, 2), (1, 1), (4096, 1), (1 << 12, 2), (2**32 - 1, 1)]
    orders = [epoch_order(50, *key).tolist() for key in keys]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == len(keys)
    assert orders == [epoch_order(50, *key).tolist() for key in keys]


def test_tokens_and_features_come_in_the_same_batches_whoever_shares_them() -> None:
    data = toys.prepared(train=10)
    tokens = toys.token_feed(data, 4)
    labels = {"train": data.train.labels}
    numbers = torch.arange(10.0)[:, None]
    features = FeatureFeed(lambda _: numbers, labels, 4)
    assert tokens.steps_per_epoch == features.steps_per_epoch == 3
    alone = [batch.features.flatten() for (batch,) in features.training([5], 2)]
    assert [len(rows) for rows in alone] == [4, 4, 2]
    assert torch.equal(torch.cat(alone).long(), epoch_order(10, 5, 2))
    together = list(features.training([3, 5, 3], 2))
    steps = zip(alone, together, tokens.training([3, 5, 3], 2), strict=True)
    for one, (batch,), (packed,) in steps:
        assert torch.equal(batch.features.view(3, -1)[1], one)
        assert torch.equal(batch.features.view(3, -1)[0], batch.features.view(3, -1)[2])
        assert torch.equal(batch.labels, packed.labels)
        check(packed, data.train, batch.features.view(3, -1).long().tolist())


def test_evaluation_reaches_every_sentence_for_every_run() -> None:
    data = toys.prepared(test=30)
    for feed in (
        toys.token_feed(data, 4),
        FeatureFeed(lambda _: torch.rand(30, 2), {"test": data.test.labels}, 4),
    ):
        seen = []
        for sentences, batch in feed.evaluation("test", runs=2):
            assert torch.equal(batch.labels, data.test.labels[sentences].expand(2, -1))
            seen += sentences.tolist()
        assert sorted(seen) == list(range(30))
        assert torch.equal(feed.labels("test"), data.test.labels)
