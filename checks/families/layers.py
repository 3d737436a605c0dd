"""Which layers of a model an adapter is put on: all that it can be put on."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from checks.families import sizes
from lora.targets import find_targets, layer_index


def adaptable(model: nn.Module, inputs: dict[str, Tensor]) -> list[str]:
    """Return the names of the linear layers that can be adapted.

    They stand in the numbered layers of the model without its head, are of a kind that LoRA knows
    and share their weight with none. A pass calls them, and neither it nor one in training reads
    their weight on its own (as state spaces do): such a product would go past the adapter.

    Args:
        model: in evaluation mode, as afterwards.
        inputs: of a pass.
    """
    prefix = str(getattr(model, "base_model_prefix", ""))
    base = f"{prefix}." if hasattr(model, prefix) else ""
    names = [
        name
        for name, module in model.named_modules()
        if name.startswith(base)
        and layer_index(name) is not None
        and _is_known(model, name)
        and min(module.weight.shape) >= sizes.RANK
    ]
    watched = {name: _Watched(model.get_submodule(name)) for name in names}
    for name, wrapper in watched.items():
        model.set_submodule(name, wrapper)
    try:
        with torch.no_grad():
            with suppress(ValueError, RuntimeError):  # whether it can train is for the study to say
                model.train()(**inputs)
            model.eval()(**inputs)
    finally:
        for name, wrapper in watched.items():
            model.set_submodule(name, wrapper.inner)
    return [name for name, wrapper in watched.items() if wrapper.called and not wrapper.read]


def _is_known(model: nn.Module, name: str) -> bool:
    try:
        return find_targets(model, [name]) == [name]
    except ValueError:  # no linear layer, or one of another kind, or with a shared weight
        return False


class _Watched(nn.Module):
    """A layer that knows whether it was called, and whether others read its parameters."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.called = self.read = False

    def forward(self, x: Tensor) -> Any:
        self.called = True
        return self.inner(x)

    def __getattr__(self, name: str) -> Any:
        if name in ("weight", "bias"):
            self.read = True
            return getattr(self.inner, name)
        return super().__getattr__(name)
