"""The NumPy oracle is itself held against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora.oracle import NumpyLoRA

sizes = st.integers(1, 5)


each_method = pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])


def build(seed: int, n_in: int, n_out: int, rank: int, dora: bool = False) -> NumpyLoRA:
    draw = np.random.default_rng(seed)
    return NumpyLoRA(
        W=draw.normal(size=(n_out, n_in)),
        A=draw.normal(size=(rank, n_in)),
        B=draw.normal(size=(n_out, rank)),
        scaling=float(draw.normal()),
        bias=draw.normal(size=n_out),
        magnitude=draw.uniform(0.5, 2, size=n_out) if dora else None,
    )


@each_method
@given(seed=st.integers(0, 10**6), n=sizes, n_in=sizes, n_out=sizes, rank=sizes)
def test_the_hand_written_backward_agrees_with_finite_differences(dora, seed, n, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank, dora)
    draw = np.random.default_rng(seed + 1)
    x, weights = draw.normal(size=(n, n_in)), draw.normal(size=(n, n_out))
    norms = layer.norms()  # which the gradient takes for constants

    def loss(layer: NumpyLoRA, x: np.ndarray) -> float:
        return float((weights * np.sin(layer.forward(x, norms))).sum())

    losses: dict[str, Callable[[np.ndarray], float]] = {
        "A": lambda A: loss(replace(layer, A=A), x),
        "B": lambda B: loss(replace(layer, B=B), x),
        "x": lambda x: loss(layer, x),
    }
    points = {"A": layer.A, "B": layer.B, "x": x}
    if layer.magnitude is not None:
        losses["magnitude"] = lambda m: loss(replace(layer, magnitude=m), x)
        points["magnitude"] = layer.magnitude
    gradients = layer.backward(x, weights * np.cos(layer.forward(x)))
    step = 1e-6
    for name, at in points.items():
        direction = draw.normal(size=at.shape)
        up, down = losses[name](at + step * direction), losses[name](at - step * direction)
        expected = (getattr(gradients, name) * direction).sum()
        assert (up - down) / (2 * step) == pytest.approx(expected, abs=1e-5)


@each_method
@given(seed=st.integers(0, 10**6), n=sizes, n_in=sizes, n_out=sizes, rank=sizes)
def test_the_merged_weight_computes_the_same(dora, seed, n, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank, dora)
    x = np.random.default_rng(seed + 2).normal(size=(n, n_in))
    np.testing.assert_allclose(x @ layer.merged_weight().T + layer.bias, layer.forward(x))
    if layer.magnitude is not None:
        np.testing.assert_allclose(np.linalg.norm(layer.merged_weight(), axis=1), layer.magnitude)


@given(seed=st.integers(0, 10**6), n_in=sizes, n_out=sizes, rank=sizes)
def test_from_zero_B_only_B_has_a_gradient(seed, n_in, n_out, rank):
    layer = build(seed, n_in, n_out, rank)
    layer = replace(layer, B=np.zeros_like(layer.B))
    draw = np.random.default_rng(seed)
    gradients = layer.backward(draw.normal(size=(3, n_in)), draw.normal(size=(3, n_out)))
    assert not gradients.A.any()
    assert gradients.B.any()
