"""Dropout: the right share, the mean kept, every run its own masks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from study.batches.streams import generator
from study.models.dropout import RunDropout, keep_mask, replace_dropout, use_generators


def dropout(p: float, seeds: list[int], row_tokens: tuple[int, ...] = ()) -> RunDropout:
    module = RunDropout(p).train()
    use_generators(module, [generator(seed, "test") for seed in seeds], row_tokens)
    return module


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [1e-3, 0.1, 0.5, 0.9, 0.999])
def test_the_share_that_is_dropped_and_the_mean(p: float, dtype: torch.dtype) -> None:
    n = 200_001
    mask = keep_mask((n,), p, generator(0, "test"), torch.empty(0, dtype=dtype))
    dropped = int((mask == 0).sum())
    deviation = math.sqrt(n * p * (1 - p))
    assert abs(dropped - n * p) < 5 * deviation
    kept = mask[mask != 0]
    assert mask.dtype == dtype
    assert bool((kept == torch.tensor(1 / (1 - p), dtype=dtype)).all())
    if dtype == torch.float32:
        assert abs(float(mask.double().mean()) - 1) < 5 * deviation / n / (1 - p)


def test_probabilities_at_the_very_ends() -> None:
    low, high = (
        keep_mask((1000,), p, generator(0, "test"), torch.empty(0)) for p in (1e-9, 1 - 1e-9)
    )
    assert bool((low != 0).all())
    assert int((high == 0).sum()) > 990


def test_neighbouring_elements_are_independent() -> None:
    kept = keep_mask((100_000,), 0.5, generator(3, "test"), torch.empty(0)).double() - 1
    for distance in (1, 2, 3, 4):
        correlation = float((kept[:-distance] * kept[distance:]).mean())
        assert abs(correlation) < 5 / math.sqrt(100_000)


def test_backward_uses_the_mask_of_forward() -> None:
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = dropout(0.4, [0, 1])(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient * x, y)
    assert bool((gradient == 0).any())
    assert torch.autograd.gradcheck(
        lambda z: dropout(0.4, [0, 1])(z), x.detach().double().requires_grad_()
    )


def test_nothing_is_dropped_in_evaluation_or_at_probability_zero() -> None:
    x = torch.ones(2, 3, 4)
    assert dropout(0.5, [0, 1]).eval()(x) is x
    assert dropout(0.0, [0, 1])(x) is x


def twice(module: RunDropout, x: Tensor) -> Tensor:
    """Two layers' worth of masks, so that how far the generators went shows."""
    return torch.stack([module(x), module(x)])


def test_a_runs_masks_do_not_depend_on_its_neighbours() -> None:
    x = torch.ones(1, 6, 5)
    alone = {seed: twice(dropout(0.3, [seed]), x) for seed in (0, 1, 2)}
    together = twice(dropout(0.3, [2, 0, 1]), x.repeat(3, 1, 1))
    for run, seed in enumerate((2, 0, 1)):
        assert torch.equal(together[:, run], alone[seed][:, 0])
    assert not torch.equal(together[:, 0], together[:, 1])
    flat = twice(dropout(0.3, [2, 0]), torch.ones(2 * 6, 5))
    assert torch.equal(flat[:, :6], twice(dropout(0.3, [2]), torch.ones(6, 5)))


def test_nor_on_how_long_their_rows_are() -> None:
    short = twice(dropout(0.3, [4], (3,)), torch.ones(1, 3, 5))
    beside = twice(dropout(0.3, [4, 5], (3, 7)), torch.ones(2, 7, 5))
    assert torch.equal(beside[:, 0, :3], short[:, 0])
    head = dropout(0.3, [4, 5], (3, 7))(torch.ones(2 * 7, 5))  # one state a sentence: no padding
    assert bool((head.view(2, 7, 5)[0, 3:] != 0).any())


def test_takes_the_place_of_every_dropout() -> None:
    model = nn.Sequential(nn.Dropout(0.2), nn.ModuleList([nn.Dropout(0.3)]), nn.Linear(1, 1))
    model[0].eval()
    replace_dropout(model)
    kept = model[0]
    replace_dropout(model)
    assert model[0] is kept
    found = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert [type(m) for m in found] == [RunDropout, RunDropout]
    assert [(m.p, m.training) for m in found] == [(0.2, False), (0.3, True)]


def test_takes_the_place_of_a_dropout_with_two_names() -> None:
    model = nn.Module()
    model.first = model.second = nn.Dropout(0.2)
    replace_dropout(model)
    assert type(model.first) is type(model.second) is RunDropout


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    dropout(0.5, [1])(torch.ones(1, 10, 10))
    assert torch.equal(before, torch.random.get_rng_state())
