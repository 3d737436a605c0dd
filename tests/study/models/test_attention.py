"""Packed attention is ordinary attention, sentence by sentence, in both directions."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from study.batches.packing import pack
from study.batches.streams import generator
from study.models import attention
from study.models.attention import Packing, packed_attention
from tests.lora.models import generator as seeded
from tests.study import toys

WIDTH = 4
HEADS = [(2, 2), (4, 2), (4, 1)]
each_kind = pytest.mark.parametrize(
    ("heads", "causal"), [(h, c) for h, c in itertools.product(HEADS, (False, True))]
)


class Batch:
    """Two runs of unlike sentences, one row shorter than the other, and their q, k, v."""

    def __init__(self, heads: tuple[int, int], shared: bool = False) -> None:
        data = toys.split(12, seed=3, longest=6)
        first, second = torch.tensor([0, 4, 2, 8, 9]), torch.tensor([1, 3, 5, 11, 7])
        chosen = [first, first if shared else second]
        self.packed = pack(data, chosen, 0, blocks=2)
        self.shape = self.packed.input_ids.shape
        draw = seeded(8)
        self.qkv = [
            torch.randn(2, n, self.shape[1], WIDTH, generator=draw).requires_grad_()
            for n in (heads[0], heads[1], heads[1])
        ]
        self.weights = torch.randn(2, self.shape[1], heads[0], WIDTH, generator=draw)
        self.real = torch.zeros(self.shape, dtype=torch.bool)
        for run, tokens in enumerate(self.packed.row_tokens):
            self.real[run, :tokens] = True

    def spans(self) -> list[tuple[int, slice]]:
        """Return (run, places) of every sentence."""
        width = self.shape[1]
        return [
            (run, slice(int(a) - run * width, int(b) - run * width + 1))
            for run in (0, 1)
            for a, b in zip(self.packed.first[run], self.packed.last[run], strict=True)
        ]

    def run(self, causal: bool, dropout: float = 0.0, seed: int = 0) -> Tensor:
        draws = [generator(seed + run, "test") for run in (0, 1)]
        packing = Packing(self.packed.layout, draws)
        out, _ = packed_attention(
            nn.Module(), *self.qkv, None, dropout=dropout, packing=packing, is_causal=causal
        )
        return out


def plain(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Eager attention of one sentence: (heads, L, d) in, (L, heads, d) out."""
    groups = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(groups, 0), v.repeat_interleave(groups, 0)
    scores = q @ k.mT / WIDTH**0.5
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
    return (scores.softmax(-1) @ v).transpose(0, 1)


@each_kind
@pytest.mark.parametrize("shared", [False, True])
def test_forward_and_backward_are_those_of_eager_attention(
    heads: tuple[int, int], causal: bool, shared: bool
) -> None:
    batch = Batch(heads, shared)
    out = batch.run(causal)
    ours = torch.autograd.grad((out * batch.weights).sum(), batch.qkv)
    loss = torch.zeros(())
    for run, at in batch.spans():
        q, k, v = (x[run][:, at] for x in batch.qkv)
        expected = plain(q, k, v, causal)
        torch.testing.assert_close(out[run, at], expected, atol=1e-6, rtol=1e-5)
        loss = loss + (expected * batch.weights[run, at]).sum()
    theirs = torch.autograd.grad(loss, batch.qkv)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=2e-6, rtol=1e-5)


@each_kind
def test_padding_at_a_rows_end_gets_nothing_and_gives_nothing(
    heads: tuple[int, int], causal: bool
) -> None:
    batch = Batch(heads)
    assert not batch.real.all()
    out = batch.run(causal)
    gradients = torch.autograd.grad((out * batch.weights).sum(), batch.qkv)
    assert not out[~batch.real].any()
    for gradient in gradients:
        assert not gradient.transpose(1, 2)[~batch.real].any()
        assert gradient.isfinite().all()
    with torch.no_grad():
        for x in batch.qkv:
            x.transpose(1, 2)[~batch.real] = 1e4
    assert torch.equal(batch.run(causal), out)


@each_kind
def test_dropout_takes_the_same_elements_in_backward(heads: tuple[int, int], causal: bool) -> None:
    batch = Batch(heads)
    dropped, whole = batch.run(causal, dropout=0.5), batch.run(causal)
    assert not torch.equal(dropped, whole)
    assert torch.equal(dropped, batch.run(causal, dropout=0.5))
    # The output is linear in v with the masked probabilities as coefficients, and so is v's
    # gradient with their transpose: <w, out(v')> = <grad_v, v'> for every v'.
    (grad_v,) = torch.autograd.grad((dropped * batch.weights).sum(), batch.qkv[2])
    other = torch.randn(batch.qkv[2].shape, generator=seeded(1))
    batch.qkv[2] = other
    moved = (batch.run(causal, dropout=0.5) * batch.weights).sum()
    torch.testing.assert_close((grad_v * other).sum(), moved, atol=1e-5, rtol=1e-5)


@each_kind
def test_dropouts_gradient_is_the_slope(heads: tuple[int, int], causal: bool) -> None:
    batch = Batch(heads)
    out = batch.run(causal, dropout=0.3)
    gradients = torch.autograd.grad((out * batch.weights).sum(), batch.qkv)
    draw = seeded(2)
    directions = [torch.randn(x.shape, generator=draw) for x in batch.qkv]
    expected = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    ends = []
    start = [x.detach() for x in batch.qkv]
    for sign in (1, -1):
        batch.qkv = [x + sign * 2e-2 * d for x, d in zip(start, directions, strict=True)]
        ends.append(float((batch.run(causal, dropout=0.3) * batch.weights).double().sum()))
    assert (ends[0] - ends[1]) / 4e-2 == pytest.approx(expected, rel=1e-2, abs=1e-2)


def test_a_runs_dropout_does_not_depend_on_its_neighbour() -> None:
    batch = Batch((2, 2))
    together = batch.run(False, dropout=0.5)
    with torch.no_grad():
        batch.qkv[0][1].mul_(3)
    assert torch.equal(batch.run(False, dropout=0.5)[0], together[0])
    shared = Batch((2, 2), shared=True)
    data = toys.split(12, seed=3, longest=6)
    alone = pack(data, [torch.tensor([0, 4, 2, 8, 9])], 0, blocks=2)
    packing = Packing(alone.layout, [generator(1, "test")])
    out, _ = packed_attention(
        nn.Module(), *(x[1:] for x in shared.qkv), None, dropout=0.5, packing=packing
    )
    torch.testing.assert_close(shared.run(False, dropout=0.5)[1], out[0])


def test_it_asks_for_packing() -> None:
    attention.register()
    x = torch.zeros(1, 1, 2, 4)
    with pytest.raises(ValueError, match="packing="):
        packed_attention(nn.Module(), x, x, x, None)
