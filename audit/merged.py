"""The base with an adapter in its weights: plain transformers, whatever the adapter's method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from audit.directions import Factors
from audit.saved import MAGNITUDE, PREFIX, Module, Saved
from audit.updates import Updates
from study.entry.errors import StudyError

_WRAPPED = ".base_layer."  # in the key of a bias or table that PEFT saves from inside a module


class Merged:
    """A model whose adapted weights can be set; everything else is as the adapter leaves it.

    Args:
        model: the base, fp32; the adapter's head and what else it saved is put into it.

    Raises:
        StudyError: the base has no such module or parameter, or of another shape; or a weight is
            shared with another module, where adding to it changes both.
    """

    def __init__(self, model: Any, saved: Saved) -> None:
        self.model = model.eval().requires_grad_(False)
        self._modules = {name: self._module(module) for name, module in saved.modules.items()}
        self._own = {name: layer.weight.detach().clone() for name, layer in self._modules.items()}
        self._put_others(saved)

    def weight(self, module: Module) -> Tensor:
        """Return W0 (out, in) of a module, fp64, as it was before anything was added."""
        return self._turned(module.name, self._own[module.name]).double()

    @torch.no_grad()
    def put(self, updates: Updates, factors: Factors) -> None:
        """Set every adapted weight to W0 and its update by these factors; others to W0."""
        self.clear()
        for module, A, B in factors:
            W0 = self.weight(module)
            changed = W0 + updates.dense(module, A, B, W0)
            self._modules[module.name].weight.copy_(self._turned(module.name, changed))

    @torch.no_grad()
    def clear(self) -> None:
        """Set every adapted weight to W0."""
        for name, layer in self._modules.items():
            layer.weight.copy_(self._own[name])

    def layers(self) -> Iterable[tuple[str, nn.Module]]:
        """Give the adapted modules by name."""
        return self._modules.items()

    def _turned(self, name: str, weight: Tensor) -> Tensor:
        """Turn a weight as its module holds it to (out, in), or back."""
        return weight.T if isinstance(self._modules[name], Conv1D | nn.Embedding) else weight

    def _module(self, module: Module) -> Any:
        try:
            layer = self.model.get_submodule(module.name)
        except AttributeError:
            raise StudyError(f"--base: it has no {module.name}, which the adapter adapts") from None
        kinds = nn.Embedding if module.embedding else (nn.Linear, Conv1D)
        if not isinstance(layer, kinds):
            raise StudyError(
                f"--base: {module.name} is a {type(layer).__name__}, which is not read"
            )
        turned = isinstance(layer, Conv1D | nn.Embedding)
        shape = tuple(layer.weight.shape[::-1] if turned else layer.weight.shape)
        if shape != (module.out_features, module.in_features):
            raise StudyError(
                f"--base: {module.name} takes {shape[1]} features to {shape[0]}, the adapter's "
                f"{module.in_features} to {module.out_features}: another base"
            )
        every = self.model.named_parameters(remove_duplicate=False)
        if sum(parameter is layer.weight for _, parameter in every) > 1:
            raise StudyError(
                f"--data: the weight of {module.name} is another module's too, so that the adapter "
                "cannot be scored by adding to it"
            )
        return layer

    @torch.no_grad()
    def _put_others(self, saved: Saved) -> None:
        there = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        for key, tensor in saved.other_tensors().items():
            name = key.removeprefix(PREFIX).replace(_WRAPPED, ".")
            if MAGNITUDE in name:
                continue
            if name not in there or there[name].shape != tensor.shape:
                has = f"it as {tuple(there[name].shape)}" if name in there else "none"
                raise StudyError(
                    f"--base: the adapter has {name} {tuple(tensor.shape)}, and the base {has}"
                )
            if name.removesuffix(".weight") not in self._modules:  # a table saved along is W0
                there[name].copy_(tensor)
