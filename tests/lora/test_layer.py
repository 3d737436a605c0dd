"""The torch layer against the NumPy oracle, and the laws of its run axis."""

from __future__ import annotations

import copy
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from transformers.pytorch_utils import Conv1D

from lora.config import LoRAConfig
from lora.layer import LoRALinear, unsupported
from lora.oracle import NumpyLoRA
from tests.lora.models import generator


def base(n_in: int, n_out: int, kind: str = "linear", seed: int = 0) -> nn.Module:
    layer = nn.Linear(n_in, n_out) if kind == "linear" else Conv1D(n_out, n_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator(seed)))
    return layer


def wrap(layer, ranks=(2,), scalings=None, seeds=None, zero_B=False, **options) -> LoRALinear:
    """Wrap and give B values in the runs' own ranks, drawn from the run's seed."""
    seeds = seeds or range(len(ranks))
    wrapped = LoRALinear(
        layer,
        ranks=ranks,
        scalings=scalings or [1.5] * len(ranks),
        generators=[generator(seed) for seed in seeds],
        **options,
    )
    layer.requires_grad_(False)
    with torch.no_grad():
        for run, (rank, seed) in enumerate(zip(ranks, seeds, strict=True)):
            shape = (wrapped.lora_B.shape[1], rank)
            if not zero_B:
                drawn = torch.randn(shape, generator=generator(seed + 100))
                wrapped.lora_B[run, :, :rank] = drawn
    return wrapped


def oracle(layer: LoRALinear, run: int) -> NumpyLoRA:
    """The same numbers in NumPy, fp64."""
    weight = layer.base.weight.detach().double().numpy()
    rank = layer.ranks[run]
    return NumpyLoRA(
        W=weight.T if isinstance(layer.base, Conv1D) else weight,
        A=layer.lora_A[run, :rank].detach().double().numpy(),
        B=layer.full_B()[run, :, :rank].detach().double().numpy(),
        scaling=layer.scalings[run],
        bias=layer.base.bias.detach().double().numpy(),
    )


@given(
    seed=st.integers(0, 10**6),
    n_in=st.integers(2, 6),
    n_out=st.integers(2, 6),
    ranks=st.lists(st.integers(1, 2), min_size=1, max_size=4),
    rows=st.integers(1, 5),
    kind=st.sampled_from(["linear", "conv1d"]),
    one_scale=st.booleans(),
)
def test_forward_and_backward_agree_with_the_numpy_oracle(
    seed, n_in, n_out, ranks, rows, kind, one_scale
):
    scalings = [0.7] * len(ranks) if one_scale else [0.5 + i for i in range(len(ranks))]
    layer = wrap(base(n_in, n_out, kind, seed).double(), ranks, scalings)
    draw = generator(seed + 1)
    x = torch.randn(len(ranks) * rows, n_in, generator=draw, dtype=torch.float64)
    dy = torch.randn(len(ranks) * rows, n_out, generator=draw, dtype=torch.float64)
    x.requires_grad_()
    y = layer(x)
    y.backward(dy)
    for run, rank in enumerate(ranks):
        part = slice(run * rows, (run + 1) * rows)
        numpy = oracle(layer, run)
        inputs, outer = x[part].detach().numpy(), dy[part].numpy()
        np.testing.assert_allclose(y[part].detach().numpy(), numpy.forward(inputs), atol=1e-10)
        gradients = numpy.backward(inputs, outer)
        np.testing.assert_allclose(x.grad[part].numpy(), gradients.x, atol=1e-10)
        close = {"rtol": 1e-5, "atol": 1e-5}  # the factors' gradients are kept in fp32
        np.testing.assert_allclose(layer.lora_A.grad[run, :rank].numpy(), gradients.A, **close)
        np.testing.assert_allclose(layer.lora_B.grad[run, :, :rank].numpy(), gradients.B, **close)


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6), (2, 3, 5, 6), (0, 6)])
def test_one_run_takes_any_leading_shape(kind, shape):
    layer = wrap(base(6, 4, kind))
    x = torch.randn(shape, generator=generator(3))
    expected = layer.base(x) + 1.5 * x @ layer.lora_A[0].T @ layer.lora_B[0].T
    assert layer(x).shape == (*shape[:-1], 4)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize("ranks", [(2,), (2, 2, 2)])
def test_input_need_not_be_contiguous(kind, ranks):
    layer = wrap(base(6, 6, kind), ranks)
    x = torch.randn(6, 5, 6, generator=generator(3)).transpose(0, 2)
    assert not x.is_contiguous()
    torch.testing.assert_close(layer(x), layer(x.contiguous()))


def test_runs_together_equal_runs_alone():
    shared = base(6, 5)
    together = wrap(copy.deepcopy(shared), (2, 4, 1), [1.0, 0.5, 2.0], seeds=[5, 6, 7])
    x = torch.randn(3, 4, 6, generator=generator(3))
    y = together(x)
    y.square().sum().backward()
    for run, (rank, scaling, seed) in enumerate([(2, 1.0, 5), (4, 0.5, 6), (1, 2.0, 7)]):
        alone = wrap(copy.deepcopy(shared), (rank,), [scaling], seeds=[seed])
        assert torch.equal(alone.lora_A[0], together.lora_A[run, :rank])
        own = alone(x[run])
        own.square().sum().backward()
        torch.testing.assert_close(y[run], own, rtol=1e-6, atol=1e-6)
        for factor, part in (("lora_A", (run, slice(rank))), ("lora_B", (run, ..., slice(rank)))):
            torch.testing.assert_close(
                getattr(together, factor).grad[part], getattr(alone, factor).grad[0]
            )


def test_the_padding_of_smaller_ranks_stays_exactly_zero_while_training():
    layer = wrap(base(6, 5), (1, 4, 2), zero_B=True)
    optimizer = torch.optim.AdamW([layer.lora_A, layer.lora_B], lr=0.1)
    for step in range(5):
        optimizer.zero_grad()
        x = torch.randn(3, 7, 6, generator=generator(step))
        (layer(x) - 1).square().sum().backward()
        optimizer.step()
    for run, rank in enumerate(layer.ranks):
        assert torch.equal(layer.lora_A[run, rank:], torch.zeros(4 - rank, 6))
        assert torch.equal(layer.lora_B[run, :, rank:], torch.zeros(5, 4 - rank))
        assert layer.lora_B[run, :, :rank].all()


def test_one_run_gone_astray_leaves_its_neighbours_unchanged():
    layer = wrap(base(6, 5), (2, 2, 2))
    x = torch.randn(3, 4, 6, generator=generator(3))
    before = layer(x)
    with torch.no_grad():
        layer.lora_B[1] = float("nan")
    after = layer(x)
    after[[0, 2]].sum().backward()
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert after[1].isnan().all()
    assert layer.lora_A.grad[[0, 2]].isfinite().all()


def test_permuting_the_runs_permutes_the_results():
    shared = base(6, 5)
    x = torch.randn(3, 4, 6, generator=generator(3))
    order = [2, 0, 1]
    y = wrap(copy.deepcopy(shared), (2, 2, 2), seeds=[0, 1, 2])(x)
    permuted = wrap(copy.deepcopy(shared), (2, 2, 2), seeds=order)(x[order])
    assert torch.equal(permuted, y[order])


@pytest.mark.parametrize(
    ("rank", "alpha", "rslora", "expected"), [(4, 2.0, False, 0.5), (4, 2.0, True, 1.0)]
)
def test_scaling_is_alpha_over_rank_or_its_root(rank, alpha, rslora, expected):
    config = LoRAConfig(rank, alpha, ("x",), use_rslora=rslora)
    assert config.scaling_of("x") == expected
    layer = wrap(base(6, 5), (rank,), [config.scaling_of("x")])
    x = torch.randn(3, 6, generator=generator(3))
    dense = x @ (expected * layer.lora_B[0] @ layer.lora_A[0]).T
    torch.testing.assert_close(layer(x) - layer.base(x), dense, atol=1e-5, rtol=1e-5)


def test_the_start_is_the_base_and_A_is_drawn_as_peft_draws_it():
    layer = wrap(base(64, 64), (16,), zero_B=True)
    x = torch.randn(3, 64, generator=generator(3))
    assert torch.equal(layer(x), layer.base(x))
    expected = torch.empty(16, 64)
    nn.init.kaiming_uniform_(expected, a=5**0.5, generator=generator(0))
    assert torch.equal(layer.lora_A[0], expected)
    assert layer.lora_A.abs().max() <= 64**-0.5


def test_the_global_generator_is_left_alone():
    plain = base(6, 5)
    state = torch.get_rng_state()
    wrap(plain, (2, 3))
    assert torch.equal(torch.get_rng_state(), state)


def test_factors_are_read_at_each_call_so_that_a_trainer_may_swap_them():
    layer = wrap(base(6, 5).bfloat16(), (2, 2))
    x = torch.randn(2, 4, 6, generator=generator(3)).bfloat16()
    other = {"lora_A": 2 * layer.lora_A.bfloat16(), "lora_B": layer.lora_B.bfloat16()}
    swapped = functional_call(layer, other, (x,))
    torch.testing.assert_close(
        (swapped - layer.base(x)).float(),
        2 * (layer(x) - layer.base(x)).float(),
        rtol=0.1,
        atol=0.1,
    )


@pytest.mark.parametrize("ranks", [(2,), (1, 2)])
def test_a_bf16_base_keeps_fp32_factors_and_computes_in_bf16(ranks):
    layer = wrap(base(6, 5).bfloat16(), ranks)
    x = torch.randn(2, 4, 6, generator=generator(3)).bfloat16()
    y = layer(x)
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert layer.lora_A.dtype == layer.lora_A.grad.dtype == torch.float32
    assert layer.lora_B.dtype == layer.lora_B.grad.dtype == torch.float32


def test_dropout_acts_on_the_low_rank_path_alone():
    layer = wrap(base(6, 5), dropout=0.5)
    x = torch.ones(4000, 6)
    clean = layer.eval()(x)
    torch.manual_seed(0)
    noisy = layer.train()(x)
    assert isinstance(layer.dropout, nn.Dropout)
    assert not torch.equal(noisy, clean)
    torch.testing.assert_close(noisy.mean(0), clean.mean(0), rtol=0.1, atol=0.1)
    layer.dropout = nn.Dropout(1.0)
    torch.testing.assert_close(layer.train()(x), layer.base(x))


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize("ranks", [(2,), (2, 1)])
def test_a_slice_of_a_fused_projection_is_adapted_alone(kind, ranks):
    layer = wrap(base(4, 12, kind), ranks, columns=[slice(0, 4), slice(8, 12)])
    x = torch.randn(2, 3, 4, generator=generator(3))
    change = layer(x) - layer.base(x)
    assert layer.lora_B.shape[1] == 8
    assert torch.equal(change[..., 4:8], torch.zeros(2, 3, 4))
    assert change[..., :4].all()
    assert change[..., 8:].all()
    for run in range(len(ranks)):
        rows = x[run] if len(ranks) > 1 else x
        out = layer(x)[run] if len(ranks) > 1 else layer(x)
        np.testing.assert_allclose(
            out.detach().numpy(), oracle(layer, run).forward(rows.double().numpy()), atol=1e-5
        )


@pytest.mark.parametrize("columns", [slice(0, 13), slice(4, 4), [slice(0, 4), slice(3, 6)], []])
def test_columns_outside_the_layer_or_overlapping_are_refused(columns):
    with pytest.raises(ValueError, match="columns"):
        wrap(base(4, 12), columns=columns)


@pytest.mark.parametrize("rank", [0, 5, -1])
def test_a_rank_that_cannot_be_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank {rank}.*allows 1 to 4"):
        wrap(base(4, 12), (rank,))


def test_ranks_scalings_and_generators_go_together():
    with pytest.raises(ValueError, match="2 ranks, 1 scalings"):
        wrap(base(6, 5), (1, 2), [1.0])


def test_a_quantised_weight_is_refused():
    quantised = nn.Linear(4, 4)
    quantised.weight = nn.Parameter(torch.zeros(8, 1, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(ValueError, match=r"quantised weight \(torch.uint8\).*dequantised"):
        wrap(quantised)

    class Linear4bit(nn.Linear):
        quant_state = SimpleNamespace()

    assert "quantised" in str(unsupported(Linear4bit(4, 4)))
    assert "neither" in str(unsupported(nn.LayerNorm(4)))
    assert "adapted already" in str(unsupported(wrap(nn.Linear(4, 4))))


def test_a_subclass_that_may_compute_something_else_is_refused():
    attention = nn.MultiheadAttention(4, 2)  # reads out_proj.weight and never calls it
    with pytest.raises(ValueError, match="NonDynamicallyQuantizableLinear"):
        wrap(attention.out_proj)


def test_state_dict_round_trip_keeps_the_layer():
    layer, other = wrap(base(6, 5), (2, 3)), wrap(base(6, 5, seed=9), (2, 3), seeds=[8, 9])
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    x = torch.randn(2, 4, 6, generator=generator(3))
    assert set(layer.state_dict()) == {"base.weight", "base.bias", "lora_A", "lora_B"}
    assert torch.equal(other(x), layer(x))


def test_with_adam_alpha_trades_against_initial_size_and_learning_rates():
    """alpha -> alpha / (p q), A -> p A, B -> q B, their rates with them: the same function."""
    p, q = 4.0, 0.5  # powers of two, so that nothing is rounded differently
    outputs = []
    for by_A, by_B in ((1.0, 1.0), (p, q)):
        layer = wrap(base(6, 5), (2,), [1.5 / (by_A * by_B)])
        with torch.no_grad():
            layer.lora_A.mul_(by_A)
            layer.lora_B.mul_(by_B)
        optimizer = torch.optim.Adam(
            [
                {"params": [layer.lora_A], "lr": 0.01 * by_A},
                {"params": [layer.lora_B], "lr": 0.01 * by_B},
            ],
            eps=0.0,
        )
        for step in range(10):
            optimizer.zero_grad()
            layer(torch.randn(4, 6, generator=generator(step))).square().sum().backward()
            optimizer.step()
        outputs.append(layer(torch.ones(1, 6)))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-5)
