"""The last layer of a causal language model, for those of its tokens that predict a response token.

Nobody reads what it makes of the others but their keys and values. So these are made of all tokens,
by the layer's own code up to where attention begins; then the whole layer computes the tokens that
are asked for, and attends to those keys and values. Norms, projections, adapters and the MLP are
the family's own, whatever its form, with fewer rows. The rows of other tokens are zeros.

With activation checkpointing the layer keeps what it computes: its backward pass comes first, so
that it would have all of it at that moment anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from study.batches.asked import Asked
from study.models.attention import KeysAlone, Packing

_PICKS = "_picks_asked"  # where a model keeps whether its last layer may do so


def find(model: PreTrainedModel) -> nn.Module | None:
    """Return the last layer of the model's stack; None: it has no stack, or several."""
    stacks = [
        module
        for module in model.base_model.modules()
        if isinstance(module, nn.ModuleList)
        and len(module)
        and isinstance(module[-1], GradientCheckpointingLayer)
    ]
    return stacks[0][-1] if len(stacks) == 1 else None


def set_picking(model: PreTrainedModel, picks: bool) -> None:
    """Keep whether the last layer is to compute the tokens that are asked for alone."""
    setattr(model, _PICKS, picks)


def picks(model: PreTrainedModel) -> bool:
    """Return what `set_picking` kept; without it no layer does."""
    return bool(getattr(model, _PICKS, False))


@contextmanager
def asked_alone(model: PreTrainedModel, asked: Asked | None) -> Iterator[None]:
    """Let the last layer compute what is asked for alone, within the `with`, if the model does."""
    layer = find(model) if asked is not None and picks(model) else None
    if layer is None or asked is None:
        yield
        return
    before = vars(layer).get("forward")

    def forward(layer: nn.Module, hidden: Tensor, *rest: Any, **words: Any) -> Any:
        return _computed(layer, asked, hidden, *rest, **words)

    layer.forward = MethodType(forward, layer)
    try:
        yield
    finally:
        if before is None:
            del layer.forward
        else:
            layer.forward = before


def _computed(
    layer: nn.Module, asked: Asked, hidden: Tensor, *rest: Any, packing: Packing, **words: Any
) -> Any:
    """Return what the layer makes of (R, N, hidden), of tokens that nobody asked for zeros."""
    own: Any = type(layer).forward
    alone = replace(packing, keys_alone=True)
    try:
        own(layer, hidden, *rest, packing=alone, **words)
    except KeysAlone as found:
        keys = found.keys
    else:
        raise ValueError("the last layer has no attention")
    runs, width = hidden.shape[:2]

    def chosen(x: Any) -> Any:
        """Return the rows that are asked for of whatever has one for each token."""
        if isinstance(x, tuple):
            return tuple(chosen(part) for part in x)
        if not isinstance(x, Tensor) or x.shape[:2] != (runs, width):
            return x
        return x.flatten(0, 1).index_select(0, asked.rows).unflatten(0, (runs, -1))

    few = Packing(asked.layout, packing.generators, keys=keys)
    words = {name: chosen(x) for name, x in words.items()}
    out = own(layer, chosen(hidden), *map(chosen, rest), packing=few, **words)
    if isinstance(out, tuple):
        return _spread(out[0], asked, width), *out[1:]
    return _spread(out, asked, width)


def _spread(rows: Tensor, asked: Asked, width: int) -> Tensor:
    """Lay rows (R, M, hidden) where their tokens are, (R, N, hidden)."""
    runs, _, features = rows.shape
    wide = rows.new_zeros(runs * width, features)
    real = rows.flatten(0, 1).index_select(0, asked.real)
    wide = wide.index_copy(0, asked.rows[asked.real], real)
    return wide.view(runs, width, features)
