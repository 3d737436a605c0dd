"""From the probe's findings to a stage's: sums that can be done by hand."""

from __future__ import annotations

import pytest

from forecast import disk, estimate
from forecast.plan import Training
from tests.forecast.cases import DATA, measured, span

TOKENS = {name: int(getattr(DATA, name).lengths.sum()) for name in ("train", "validation", "test")}
LORA = Training("lora@4", "lora", 4, ((0, 1), (0, 1)), epochs=3, saved=2)


def test_the_time_of_runs_that_share_their_steps() -> None:
    """40 sentences are 10 steps of 4: loading, the first step's extra, two groups, two adapters."""
    group = 3 * 10 + 3 * TOKENS["validation"] + TOKENS["test"]
    found = estimate.seconds(LORA, measured("lora", 4), DATA, 4)
    assert found.alone == pytest.approx(1 + 1 + 2 * group + 2)
    assert found.wall == pytest.approx(2 * found.alone)


def test_fewer_runs_in_a_group_take_their_share() -> None:
    half = Training("lora@4", "lora", 4, ((0,),), epochs=3, saved=0)
    group = 3 * 10 + 3 * TOKENS["validation"] + TOKENS["test"]
    found = estimate.seconds(half, measured("lora", 4), DATA, 4)
    assert found.alone == pytest.approx(2 + group / 2)


def test_heads_are_trained_on_features_that_are_computed_once() -> None:
    heads = Training("head_only", "head_only", None, ((0, 1),), epochs=5, saved=2)
    found = estimate.seconds(heads, measured("head_only"), DATA, 4)
    steps, evaluated = 5 * 10, 5 * 24 + 30
    assert found.alone == pytest.approx(1 + 1 + 2 + sum(TOKENS.values()) + steps + evaluated)


def test_a_rank_between_two_lies_between_them_by_operations() -> None:
    low = measured("lora", 1, step=span(1.0), peak_bytes=1000)
    high = measured("lora", 9, step=span(3.0), peak_bytes=2000)
    found = estimate.at_rank([low, high], 5, float)
    assert found.step.alone == pytest.approx(2.0)
    assert found.peak_bytes == 1500
    assert estimate.at_rank([low, high], 9, float) is high
    assert estimate.at_rank([low, high], 13, float).step.alone == pytest.approx(4.0)


def test_where_a_larger_rank_was_faster_the_difference_is_noise() -> None:
    low, high = measured("lora", 1, step=span(3.0)), measured("lora", 9, step=span(1.0))
    for rank in (1, 5, 9, 64):
        assert estimate.at_rank([low, high], rank, float).step == high.step


def test_memory_grows_with_groups_that_the_probe_did_not_train() -> None:
    four = Training("full", "full", None, ((0,), (1,), (0,), (1,)), epochs=1, saved=2)
    assert estimate.memory(four, measured("full"), DATA, 32) == 1000 + 2 * 10
    heads = Training("head_only", "head_only", None, ((0, 1),), epochs=1, saved=2)
    assert estimate.memory(heads, measured("head_only"), DATA, 32) == 1000 + 2 * 32 * (40 + 24 + 30)


def test_what_stands_on_the_disk() -> None:
    logits = 4 * 2 * (24 + 30) * 2
    record = 5 * 3 * 30
    assert disk.trained(LORA, measured("lora", 4), DATA) == 2 * 4 * 50 * 2 + logits + record
    full = Training("full", "full", None, ((0,),), epochs=1, saved=1)
    assert disk.trained(full, measured("full"), DATA) > 2 * 4 * 500
    assert disk.checkpoints(LORA, measured("lora", 4)) == 4 * 50 * 4
