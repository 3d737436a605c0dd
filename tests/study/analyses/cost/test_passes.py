"""The passes of an epoch."""

from __future__ import annotations

import torch

from study.analyses.cost.passes import longest

LENGTHS = torch.tensor([3.0, 9, 5, 4, 2, 7, 6])


def test_a_packed_batch_is_a_pass_and_a_padded_one_is_two_of_like_length() -> None:
    assert longest(LENGTHS, 4, "packed") == [9, 7]
    for how in ("padded", "separate"):
        assert longest(LENGTHS, 4, how) == [4, 9, 6, 7]  # type: ignore[arg-type]


def test_a_batch_of_one_sentence_is_one_pass() -> None:
    assert longest(LENGTHS[:3], 2, "padded") == [3, 9, 5]
