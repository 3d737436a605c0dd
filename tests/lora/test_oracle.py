"""The NumPy oracle is itself held against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora.oracle import NumpyLoRA

sizes = st.integers(1, 5)


def build(seed: int, n_in: int, n_out: int, rank: int) -> NumpyLoRA:
    draw = np.random.default_rng(seed)
    return NumpyLoRA(
        W=draw.normal(size=(n_out, n_in)),
        A=draw.normal(size=(rank, n_in)),
        B=draw.normal(size=(n_out, rank)),
        scaling=float(draw.normal()),
        bias=draw.normal(size=n_out),
    )


@given(seed=st.integers(0, 10**6), n=sizes, n_in=sizes, n_out=sizes, rank=sizes)
def test_the_hand_written_backward_agrees_with_finite_differences(seed, n, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank)
    draw = np.random.default_rng(seed + 1)
    x, weights = draw.normal(size=(n, n_in)), draw.normal(size=(n, n_out))

    def loss(layer: NumpyLoRA, x: np.ndarray) -> float:
        return float((weights * np.sin(layer.forward(x))).sum())

    dy = weights * np.cos(layer.forward(x))
    gradients = layer.backward(x, dy)
    step = 1e-6
    for name, at in (("A", layer.A), ("B", layer.B), ("x", x)):
        direction = draw.normal(size=at.shape)
        up, down = at + step * direction, at - step * direction
        if name == "x":
            slope = (loss(layer, up) - loss(layer, down)) / (2 * step)
        else:
            slope = (
                loss(replace(layer, **{name: up}), x) - loss(replace(layer, **{name: down}), x)
            ) / (2 * step)
        assert slope == pytest.approx((getattr(gradients, name) * direction).sum(), abs=1e-5)


@given(seed=st.integers(0, 10**6), n=sizes, n_in=sizes, n_out=sizes, rank=sizes)
def test_the_merged_weight_computes_the_same(seed, n, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank)
    x = np.random.default_rng(seed + 2).normal(size=(n, n_in))
    np.testing.assert_allclose(x @ layer.merged_weight().T + layer.bias, layer.forward(x))


@given(seed=st.integers(0, 10**6), n_in=sizes, n_out=sizes, rank=sizes)
def test_from_zero_B_only_B_has_a_gradient(seed, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank)
    layer = replace(layer, B=np.zeros_like(layer.B))
    draw = np.random.default_rng(seed)
    gradients = layer.backward(draw.normal(size=(3, n_in)), draw.normal(size=(3, n_out)))
    assert not gradients.A.any()
    assert gradients.B.any()
