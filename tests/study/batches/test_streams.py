"""Every purpose of every seed has random numbers of its own."""

from __future__ import annotations

import itertools

import torch

from study.batches.streams import generator


def test_no_two_streams_coincide_and_each_repeats() -> None:
    seeds = (0, 1, 2, 255, 256, 4096, 1 << 24, 2**32 - 1)
    keys = list(itertools.product(seeds, ("head", "dropout", "lora_A", "order"), (0, 1, 2)))

    def draws() -> list[tuple[float, ...]]:
        return [tuple(torch.rand(4, generator=generator(*key)).tolist()) for key in keys]

    found = draws()
    assert len(set(found)) == len(keys)
    assert found == draws()


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    generator(3, "head")
    assert torch.equal(before, torch.random.get_rng_state())
