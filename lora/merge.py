"""Put an adapter's update into the base's weight, and take it out again.

    W' = W0 + s B A        with DoRA    W' = m (W0 + s B A) / |W0 + s B A|

The update is computed in fp32, added in fp32 and cast to the weight's dtype once. Adding in bf16
loses it: at r = 8 and small B, 42 % of a layer's weights then did not change (peft 1388, 1836).
Taking it out restores the saved original bit for bit; subtracting would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lora import dora
from lora.inject import adapted_modules, eject, injection
from lora.layer import LoRALinear, in_four_bit, rows_of


@torch.no_grad()
def delta_weight(layer: LoRALinear, run: int = 0) -> Tensor:
    """The update W' - W0 of one run, in fp32 and in the orientation of the base's weight.

    It is s B A but for the variants: W0 is the weight from before PiSSA took a part of it out.

    Returns:
        (out, in) for `nn.Linear`, (in, out) for `Conv1D`

    Raises:
        ValueError: a run that the layer does not have
    """
    _require_run(layer, run)
    A, B = layer.lora_A[run].float(), layer.full_B()[run].float()
    delta = layer.scalings[run] * (B @ A)  # (out, r) @ (r, in) -> (out, in)
    if layer.principal is None and layer.lora_magnitude_vector is None:
        return rows_of(layer.base, delta)
    standing = layer.base.weight if layer.original_weight is None else layer.original_weight
    updated = rows_of(layer.base, standing).float() + delta
    if layer.lora_magnitude_vector is not None:
        norms = torch.linalg.vector_norm(updated, dim=1)
        updated *= dora.row_factors(layer.lora_magnitude_vector[run].float(), norms)[:, None]
    return rows_of(layer.base, updated) - layer.pretrained_weight().float()


def merge(model: nn.Module, run: int = 0) -> None:
    """Add one run's update to every adapted weight; the model then computes as its base does.

    The original weights are kept, for `unmerge`. With several runs all rows of a batch go
    through the merged one. When an error is raised nothing is merged.

    Raises:
        ValueError: no adapter, one merged already, a base in four bit, or a merged weight that is
            not finite
    """
    injection(model)
    layers = adapted_modules(model)
    for name, layer in layers.items():
        _require_run(layer, run)
        if layer.merged_run is not None:
            raise ValueError(f"{name}: run {layer.merged_run} is merged already: unmerge it first")
        if in_four_bit(layer.base):
            raise ValueError(
                f"{name}: the base's weight is in four bit, whose steps an update would fall "
                "between: attach the adapter to the dequantised base (the weights that it was "
                "trained on, not those before they were rounded to four bit) and merge it there"
            )
    done = False
    try:
        for name, layer in layers.items():
            _merge_layer(name, layer, run)
        done = True
    finally:
        if not done:
            for layer in layers.values():
                _unmerge_layer(layer)


def unmerge(model: nn.Module) -> None:
    """Restore the weights from before `merge`, bit for bit.

    Raises:
        ValueError: no adapter, or none merged
    """
    injection(model)
    layers = adapted_modules(model).values()
    if not any(layer.merged_run is not None for layer in layers):
        raise ValueError("no adapter is merged")
    for layer in layers:
        _unmerge_layer(layer)


@contextmanager
def merged(model: nn.Module, run: int = 0) -> Iterator[None]:
    """Within the block the model has one run's update in its weights."""
    merge(model, run)
    try:
        yield
    finally:
        unmerge(model)


def merge_and_eject(model: nn.Module, run: int = 0) -> None:
    """Merge one run for good: the model's own modules, with the update in their weights.

    A model in which that run is merged already is ejected as it stands.
    """
    injection(model)
    layers = adapted_modules(model)
    if any(layer.merged_run != run for layer in layers.values()):
        merge(model, run)
    for layer in layers.values():
        layer.merged_run = layer.original_weight = layer.principal = None
    eject(model)


@torch.no_grad()
def _merge_layer(name: str, layer: LoRALinear, run: int) -> None:
    weight = layer.base.weight
    wide = torch.promote_types(weight.dtype, torch.float32)
    W0 = layer.pretrained_weight()
    updated = (W0.to(wide) + delta_weight(layer, run)).to(weight.dtype)
    if not torch.isfinite(updated).all():
        raise ValueError(f"{name}: the merged weight is not finite in {weight.dtype}")
    layer.original_weight = weight.detach().clone()
    weight.copy_(updated)
    layer.merged_run = run


@torch.no_grad()
def _unmerge_layer(layer: LoRALinear) -> None:
    if layer.original_weight is not None:
        layer.base.weight.copy_(layer.original_weight)
    layer.merged_run = layer.original_weight = None


def _require_run(layer: LoRALinear, run: int) -> None:
    if not 0 <= run < layer.runs:
        raise ValueError(f"run {run}: the adapter has runs 0 to {layer.runs - 1}")
