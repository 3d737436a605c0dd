"""Beginnings in common stand once, and every pair still has all of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
import torch

from study.batches.beginnings import by_beginning, pack_shared
from study.batches.feeds import TokenFeed
from study.batches.grouping import BLOCK, ROW, grouped
from study.batches.packing import pack
from study.batches.tree_layout import TreeLayout
from study.models.response_loss import responses
from study.records.prepared import Prepared, Split
from tests.study.batches import alike

each_batch = pytest.mark.parametrize("name", alike.BATCHES)


def rows(split: Split) -> list[tuple[int, ...]]:
    cut: Sequence[torch.Tensor] = torch.split(split.input_ids, split.lengths.tolist())
    return [tuple(row.tolist()) for row in cut]


@each_batch
def test_every_beginning_stands_once_a_run(name: str) -> None:
    split, chosen = alike.pairs(), alike.chosen(name)
    batch = pack_shared(split, chosen, 0, 2)
    every = rows(split)
    for run, pairs in enumerate(chosen):
        beginnings = {every[i][:end] for i in pairs for end in range(1, len(every[i]) + 1)}
        assert batch.row_tokens[run] == len(beginnings)
    assert batch.position_ids.shape == batch.input_ids.shape


@each_batch
def test_keys_are_a_pairs_own_tokens_and_queries_are_all_tokens_once(name: str) -> None:
    split, chosen = alike.pairs(), alike.chosen(name)
    batch = pack_shared(split, chosen, 0, 2)
    layout, ids, positions = batch.layout, batch.input_ids.flatten(), batch.position_ids.flatten()
    assert isinstance(layout, TreeLayout)
    width = batch.input_ids.shape[1]
    beginnings = [{row[:n] for row in (rows(split)[i] for i in run) for n in range(len(row) + 1)}
                  for run in chosen]  # fmt: skip
    queries: list[int] = []
    for tree in layout.trees:
        for keys, reach, own, count, at in zip(
            *(tree.keys, tree.reach, tree.queries, tree.count, tree.positions), strict=True
        ):
            path = keys[:reach]
            assert set((path // width).tolist()) == {int(path[0]) // width}  # of one run
            assert tuple(ids[path].tolist()) in beginnings[int(path[0]) // width]
            assert positions[path].tolist() == list(range(reach))
            assert torch.equal(path[at[:count]], own[:count])  # a query sees up to itself
            queries += own[:count].tolist()
    real = [run * width + i for run, n in enumerate(batch.row_tokens) for i in range(n)]
    assert sorted(queries) == real


@each_batch
def test_what_is_asked_is_what_unshared_pairs_are_asked(name: str) -> None:
    split, chosen = alike.pairs(), alike.chosen(name)
    apart, batch = pack(split, chosen, 0, 2), pack_shared(split, chosen, 0, 2)
    expected, found = responses(apart), responses(batch)
    assert batch.asked is not None
    assert torch.equal(found.targets, expected.targets)
    assert torch.equal(found.pairs, expected.pairs)
    for which in ("input_ids", "position_ids"):
        one, other = getattr(apart, which).flatten(), getattr(batch, which).flatten()
        assert torch.equal(one[expected.predictors], other[found.predictors])
        assert torch.equal(one[apart.last], other[batch.last])
    wanted = batch.asked.rows[batch.asked.real]
    assert wanted.tolist() == sorted(set(found.predictors.tolist()))
    assert len(batch.asked.rows) % len(chosen) == 0


def test_what_pads_least_is_a_group() -> None:
    draw = torch.Generator().manual_seed(0)
    for _ in range(5):
        queries, keys = torch.randint(1, 200, (2, 7), generator=draw)
        keys = queries + keys

        def cost(group: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor) -> int:
            wide, long = int(queries[group].max()), int(keys[group].max())
            return len(group) * (wide * long + ROW * (wide + 2 * long)) + BLOCK

        order = (queries * 1000 + keys).argsort()
        ways = [
            [order[a:b] for a, b in zip((0, *cuts), (*cuts, 7), strict=True)]
            for most in range(3)
            for cuts in combinations(range(1, 7), most)
        ]
        best = min(sum(cost(group, queries, keys) for group in way) for way in ways)
        found = grouped(queries, keys, 3)
        assert sum(cost(group, queries, keys) for group in found) == best
        assert sorted(torch.cat(found).tolist()) == list(range(7))


def test_a_pair_with_a_long_beginning_of_its_own_makes_a_block() -> None:
    queries = torch.tensor([262, *[60, 61, 62] * 5])
    keys = torch.tensor([262, *[260, 261, 262] * 5])
    assert sorted(map(len, grouped(queries, keys, 3)))[0] == 1


def test_evaluation_takes_every_pair_once_and_those_alike_together() -> None:
    split = alike.pairs()
    parts = by_beginning(split, 24)
    assert sorted(torch.cat(parts).tolist()) == list(range(len(split)))
    assert len(parts) > 1
    for part in parts:
        assert pack_shared(split, [part], 0, 2).row_tokens[0] <= 24
    (whole,) = by_beginning(split, 10**6)
    together = pack_shared(split, [whole], 0, 2).row_tokens[0]
    assert together < sum(pack_shared(split, [part], 0, 2).row_tokens[0] for part in parts)


@pytest.mark.parametrize("batching", ["shared", "packed"])
@pytest.mark.parametrize("drops", [False, True])
def test_beginnings_are_shared_where_nothing_is_dropped(batching: str, drops: bool) -> None:
    split = alike.pairs()
    data = Prepared(split, split, split, (), "toy", 24, 0, batching)  # type: ignore[arg-type]
    feed = TokenFeed(data, 6, torch.device("cpu"), pooled=not drops)
    for pieces in (1, 3):
        for step in feed.training([0, 1], 1, pieces):
            for batch in step:
                assert (batch.asked is not None) == (batching == "shared" and not drops)
    for _, batch in feed.evaluation("test", 2):
        assert (batch.asked is not None) == (batching == "shared")


def test_token_types_are_refused() -> None:
    split = alike.pairs()
    typed = Split(split.input_ids, split.lengths, split.labels, split.input_ids.to(torch.int8))
    with pytest.raises(ValueError, match="token types"):
        pack_shared(typed, [torch.tensor([0, 1])], 0, 2)
