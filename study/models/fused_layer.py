"""BERT's encoder layer with forward and backward written out by hand.

A step over a packed minibatch spends as long on starting operations, on autograd's bookkeeping and
on copies as on matrix products. Written out, a layer needs far fewer operations:

    h = norm(x + drop(O attention(Q x, K x, V x)))        y = norm(h + drop(W2 gelu(W1 h)))

Each of the six matrices may carry low-rank factors with a run axis, be frozen, or be trained.
Hugging Face's own modules stay in place and keep the weights; only their layer's `forward` is
replaced, and only where the layer is of exactly this form (BERT, RoBERTa and their kin). The tests
hold it against the modules it replaces.

The encoder's last layer makes the outputs of `Packing.readout` alone: nobody reads the others.

A layer in which DoRA rescales a matrix is left to Hugging Face's own forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from study.batches.layout import HeadBlocks
from study.models.attention import Attended, Packing, attend, attend_backward
from study.models.dropout import drawing
from study.models.fused_linear import TENSORS, FusedLinear, LinearStep
from study.models.recomputing import MARK, checkpointed, replayed, states

_PICKS = "_picks_readout"  # where a fused model keeps what `picks_readout` tells


def fuse(model: PreTrainedModel) -> None:
    """Let every layer of BERT's form compute with the fused forward and backward."""
    layers = [module for module in model.modules() if has_berts_form(module)]
    stacks = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    last = [layer for layer in layers[-1:] if any(layer is stack[-1] for stack in stacks if stack)]
    for layer in layers:
        fused = FusedLayer(layer, last=layer in last)
        layer.forward = MethodType(fused.forward, layer)
    setattr(model, _PICKS, bool(last))


def unfuse(model: PreTrainedModel) -> None:
    """Undo `fuse`, for a model whose layers' modules are to be wrapped by something else.

    A fused layer reads its modules' weights and calls none of them.
    """
    for module in model.modules():
        replaced = getattr(vars(module).get("forward"), "__func__", None)
        if isinstance(getattr(replaced, "__self__", None), FusedLayer):
            del module.forward
    setattr(model, _PICKS, False)


def picks_readout(model: PreTrainedModel) -> bool:
    """Tell whether the encoder gives the outputs of `Packing.readout` alone, in their order."""
    return bool(getattr(model, _PICKS, False))


# A layer of BERT's form has these modules and no others.
_PARTS = {
    "": {"attention", "intermediate", "output"},
    "attention": {"self", "output"},
    "attention.self": {"query", "key", "value", "dropout"},
    "attention.output": {"dense", "LayerNorm", "dropout"},
    "intermediate": {"dense", "intermediate_act_fn"},
    "output": {"dense", "LayerNorm", "dropout"},
}


def has_berts_form(module: nn.Module) -> bool:
    """Tell whether a module is an encoder layer as BERT has it, with norms behind the sums."""
    if {name for name, _ in module.named_children()} != _PARTS[""]:
        return False
    layer: Any = module
    for path, names in _PARTS.items():
        try:
            part = layer.get_submodule(path)
        except AttributeError:
            return False
        if {name for name, _ in part.named_children()} != names:
            return False
    own, out = layer.attention.self, layer.attention.output
    linear = (own.query, own.key, own.value, out.dense, layer.intermediate.dense)
    norms = (out.LayerNorm, layer.output.LayerNorm)
    dropouts = (own.dropout, out.dropout, layer.output.dropout)
    activation = layer.intermediate.intermediate_act_fn
    return (
        all(type(x) is nn.Linear for x in (*linear, layer.output.dense))
        and all(type(x) is nn.LayerNorm for x in norms)
        and all(isinstance(x, nn.Dropout) for x in dropouts)
        and own.query.out_features == own.query.in_features
        and getattr(activation, "act", None) is F.gelu
        and not getattr(layer, "is_decoder", False)
    )


class FusedLayer:
    """The fused computation of one layer.

    Args:
        layer: of BERT's form.
        last: of the encoder; no layer reads its output.
    """

    def __init__(self, layer: nn.Module, last: bool) -> None:
        attention: Any = layer.attention
        self.last = last
        self.heads = int(attention.self.num_attention_heads)
        self.scaling = float(attention.self.scaling)
        self.linears = [FusedLinear() for _ in range(6)]

    def forward(
        self,
        layer: nn.Module,
        hidden_states: Tensor,
        *_: Any,
        packing: Packing | None = None,
        **__: Any,
    ) -> Tensor:
        """Compute the layer's output (R, N, hidden), or (R, S / R, hidden) if it is read out."""
        if packing is None:
            raise ValueError("a fused layer needs the keyword packing= in the model's forward")
        readout = packing.readout if self.last else None
        if any(getattr(m, "lora_magnitude_vector", None) is not None for m in layer.modules()):
            return _unfused(layer, hidden_states, packing, readout)
        tensors = self._read(layer)
        return _Fused.apply(hidden_states, self, packing, readout, *tensors)  # type: ignore

    def _read(self, layer: Any) -> list[Tensor | None]:
        """Take the tensors from the modules, where a trainer may have put others in place."""
        own, out = layer.attention.self, layer.attention.output
        before = (own.query, own.key, own.value, out.dense)
        modules = (*before, layer.intermediate.dense, layer.output.dense)
        found: list[Tensor | None] = []
        for linear, module in zip(self.linears, modules, strict=True):
            found += linear.read(module)
        for norm in (out.LayerNorm, layer.output.LayerNorm):
            found += [norm.weight, norm.bias]
        self.eps = (out.LayerNorm.eps, layer.output.LayerNorm.eps)
        self.dropouts = (out.dropout, layer.output.dropout)
        self.recomputes = layer.training and getattr(layer, MARK, False)
        self.attention_dropout = float(own.dropout.p) if layer.training else 0.0
        return found

    def steps(self, tensors: Sequence[Tensor | None]) -> list[LinearStep]:
        """Begin a forward pass of the six linear layers with the tensors that were read."""
        return [
            linear.step(tensors[i * TENSORS : (i + 1) * TENSORS])
            for i, linear in enumerate(self.linears)
        ]


def _unfused(layer: nn.Module, x: Tensor, packing: Packing, readout: Tensor | None) -> Tensor:
    """Return what the layer's own modules compute; of a layer that is read out, only that."""
    forward = checkpointed if getattr(layer, MARK, False) else type(layer).forward
    y: Tensor = forward(layer, x, packing=replace(packing, readout=None))
    if readout is None:
        return y
    return y.reshape(-1, y.shape[-1]).index_select(0, readout).view(len(y), -1, y.shape[-1])


class _Tape(NamedTuple):
    """What the backward pass of a layer needs; sums are (rows, means, reciprocal deviations)."""

    steps: Sequence[LinearStep]
    norms: tuple[Sequence[Tensor], Sequence[Tensor]]
    attended: Attended
    blocks: HeadBlocks
    z: Tensor
    keeps: tuple[Tensor | None, Tensor | None]
    sums: tuple[Sequence[Tensor], Sequence[Tensor]]


class _Again(NamedTuple):
    """What a layer that keeps no tape needs to make it again; the steps are not begun."""

    x: Tensor
    packing: Packing
    steps: Sequence[LinearStep]
    norms: tuple[Sequence[Tensor], Sequence[Tensor]]
    start: list[Tensor]


class _Fused(torch.autograd.Function):
    """What is kept for the backward pass stands on `ctx` as it is, and is let go of there."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        layer: FusedLayer,
        packing: Packing,
        readout: Tensor | None,
        *tensors: Tensor,
    ) -> Tensor:
        norms = (tensors[-4:-2], tensors[-2:])
        ctx.layer, ctx.shape, ctx.readout = layer, x.shape, readout
        ctx.tape = ctx.again = None
        if layer.recomputes:
            start = states(packing.generators)
            ctx.again = _Again(x, packing, layer.steps(tensors), norms, start)
        y, tape = _compute(x, layer, packing, readout, layer.steps(tensors), norms)
        if not layer.recomputes:
            ctx.tape = tape
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        if ctx.again is not None:
            x, packing, steps, norms, start = ctx.again
            with replayed(packing.generators, start):
                _, ctx.tape = _compute(x, ctx.layer, packing, ctx.readout, steps, norms)
        if ctx.tape is None:
            raise RuntimeError("a fused layer's backward pass can run once")
        steps, norms, saved, blocks, z, (keep1, keep2), sums = ctx.tape
        query, key, value, out, up, down = steps
        heads = ctx.layer.heads
        ctx.tape = ctx.again = None
        hidden = ctx.shape[-1]
        needs_x, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        needs = [wanted[i * TENSORS : (i + 1) * TENSORS] for i in range(6)]

        grad, norm2 = _norm_backward(grads[0].reshape(-1, hidden), sums[1], norms[1], wanted[-2:])
        dropped = grad if keep2 is None else grad * keep2
        wide, down_grads = down.backward(dropped, needs[5], True)
        assert wide is not None
        wide = torch.ops.aten.gelu_backward(wide, z)
        grad, up_grads = up.backward(wide, needs[4], True, grad)
        assert grad is not None
        grad, norm1 = _norm_backward(grad, sums[0], norms[0], wanted[-4:-2])
        dropped = grad if keep1 is None else grad * keep1
        attended, out_grads = out.backward(dropped, needs[3], True)
        assert attended is not None
        grad_q, grad_k, grad_v = (
            None if part is None else part.view(-1, hidden)
            for part in attend_backward(
                attended.view(len(attended), heads, -1),
                saved,
                blocks,
                ctx.layer.scaling,
                needs_query=needs_x or any(needs[0]),
                needs_key=needs_x or any(needs[1]),
            )
        )
        query_grads = key_grads = [None] * TENSORS
        # A read-out layer's residual and queries reach the readout's rows alone.
        own = grad if ctx.readout is None else None
        if grad_q is not None:
            grad, query_grads = query.backward(grad_q, needs[0], needs_x, grad if needs_x else None)
            own = grad if ctx.readout is None else None
        if grad_k is not None:
            own, key_grads = key.backward(grad_k, needs[1], needs_x, own if needs_x else None)
        own, value_grads = value.backward(grad_v, needs[2], needs_x, own if needs_x else None)
        if own is not None and ctx.readout is not None:
            own.index_add_(0, ctx.readout, grad)
        grad_x = None if own is None else own.view(ctx.shape)
        every = (query_grads, key_grads, value_grads, out_grads, up_grads, down_grads)
        flat = [gradient for gradients in every for gradient in gradients]
        return (grad_x, None, None, None, *flat, *norm1, *norm2)


def _compute(
    x: Tensor,
    layer: FusedLayer,
    packing: Packing,
    readout: Tensor | None,
    steps: Sequence[LinearStep],
    norms: tuple[Sequence[Tensor], Sequence[Tensor]],
) -> tuple[Tensor, _Tape]:
    """Return the layer's output, and what its backward pass needs."""
    runs, _, hidden = x.shape
    query, key, value, out, up, down = steps
    flat = x.reshape(-1, hidden)
    chosen = flat if readout is None else flat.index_select(0, readout)
    blocks = packing.layout.for_heads(layer.heads, layer.heads, False, x.dtype, readout is not None)
    q, k, v = (
        step.forward(rows).view(len(rows), layer.heads, -1)
        for step, rows in ((query, chosen), (key, flat), (value, flat))
    )
    attended, saved = attend(
        q, k, v, blocks, layer.scaling, layer.attention_dropout, packing.generators
    )
    sum1, keep1 = _drop_and_add(out, layer.dropouts[0], attended.flatten(1), chosen, runs)
    h, mean1, rstd1 = _norm(sum1, norms[0], layer.eps[0])
    z = up.forward(h)
    sum2, keep2 = _drop_and_add(down, layer.dropouts[1], F.gelu(z), h, runs)
    y, mean2, rstd2 = _norm(sum2, norms[1], layer.eps[1])
    tape = _Tape(
        steps=steps,
        norms=norms,
        attended=saved,
        blocks=blocks,
        z=z,
        keeps=(keep1, keep2),
        sums=((sum1, mean1, rstd1), (sum2, mean2, rstd2)),
    )
    return y.view(runs, -1, hidden), tape


def _drop_and_add(
    step: LinearStep, dropout: nn.Module, rows: Tensor, other: Tensor, runs: int
) -> tuple[Tensor, Tensor | None]:
    """Return drop(step(rows)) + other, and dropout's factors if any are drawn."""
    drawn = drawing(dropout)
    if drawn is None:
        return step.forward(rows, other), None
    y = step.forward(rows)  # draws first, as the modules do
    keep = drawn.factors((runs, len(other) // runs, other.shape[1]), other)
    assert keep is not None
    keep = keep.view(other.shape)
    return y.mul_(keep).add_(other), keep


def _norm(rows: Tensor, norm: Sequence[Tensor | None], eps: float) -> tuple[Tensor, ...]:
    """Return the normalised rows, their means and reciprocal deviations."""
    return torch.native_layer_norm(rows, [rows.shape[1]], norm[0], norm[1], eps)


def _norm_backward(
    grad: Tensor, saved: Sequence[Tensor], norm: Sequence[Tensor], needs: Sequence[bool]
) -> tuple[Tensor, tuple[Tensor | None, Tensor | None]]:
    """Return the gradients of a norm's input, and of its weight and bias where they are wanted."""
    rows, mean, rstd = saved
    grad_rows, grad_weight, grad_bias = torch.ops.aten.native_layer_norm_backward(
        grad, rows, [rows.shape[1]], mean, rstd, *norm, [True, *needs]
    )
    return grad_rows, (grad_weight if needs[0] else None, grad_bias if needs[1] else None)
