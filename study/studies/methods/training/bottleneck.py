"""Bottleneck adapters as in Houlsby et al. 2019 (arXiv 1902.00751).

Two in every layer: behind the projection that ends attention, and behind the one that ends the
feed-forward part, each before the residual sum. The layers' norms are trained along, as there.

    adapter(h) = h + U gelu(D h + d) + u        D (width, hidden), U (hidden, width)

There U and D both start near zero; here U starts at zero, so that the model starts as the base
exactly, and D, of which alone the first step's gradient then knows, as LoRA's A does.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from study.models.fused_layer import unfuse
from study.studies.methods.training.method import Method
from study.studies.methods.training.places import ATTENTION_OUTPUT, FEEDFORWARD_OUTPUT, modules_at


class Bottleneck(nn.Module):
    """A projection of the base model with an adapter behind it; bare parameters, no `nn.Linear`.

    Attributes:
        base: (..., in) to (..., hidden), frozen.
        down: (width, hidden); down_bias: (width,).
        up: (hidden, width), zero at the start; up_bias: (hidden,), zero at the start.
    """

    def __init__(
        self, base: nn.Module, hidden: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.base = base
        down = torch.empty(width, hidden)
        nn.init.kaiming_uniform_(down, a=math.sqrt(5), generator=generator)
        self.down, self.down_bias = nn.Parameter(down), nn.Parameter(torch.zeros(width))
        self.up = nn.Parameter(torch.zeros(hidden, width))
        self.up_bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Return the projection with its adapter, in the base's dtype."""
        h: Tensor = self.base(x)
        narrow = F.gelu(F.linear(h, self.down.to(h.dtype), self.down_bias.to(h.dtype)))
        return h + F.linear(narrow, self.up.to(h.dtype), self.up_bias.to(h.dtype))


class BottleneckAdapters(Method):
    """Houlsby's adapters of one width, with the layers' norms.

    Args:
        width: of the bottleneck.
    """

    reason_unmergeable = "an adapter has a nonlinearity, which no weight of the base can hold"

    def __init__(self, width: int) -> None:
        self.width = width

    def prepare(self, model: PreTrainedModel, max_length: int) -> None:
        """Let the layers call their modules.

        Raises:
            NotApplicable: a model of another family.
        """
        del max_length
        _places(model)
        unfuse(model)

    def insert(self, model: PreTrainedModel, generator: torch.Generator) -> tuple[str, ...]:
        """Wrap the two projections of every layer."""
        names = []
        for name, module in _places(model).items():
            base: Any = module
            wrapped = Bottleneck(base, _outputs(base), self.width, generator)
            model.set_submodule(name, wrapped.to(base.weight.device).train(base.training))
            names += [f"{name}.{part}" for part in ("down", "down_bias", "up", "up_bias")]
        return (*names, *_norms(model))

    def eject(self, model: PreTrainedModel) -> None:
        """Put the projections back."""
        for name, module in list(model.named_modules()):
            if isinstance(module, Bottleneck):
                model.set_submodule(name, module.base)


def _places(model: PreTrainedModel) -> dict[str, nn.Module]:
    places = (*ATTENTION_OUTPUT, *FEEDFORWARD_OUTPUT)
    return modules_at(model, places, "projections behind attention and feed-forward")


def _outputs(base: Any) -> int:
    """Return the number of outputs of an `nn.Linear` or of GPT-2's `Conv1D`."""
    return int(base.out_features if hasattr(base, "out_features") else base.weight.shape[1])


def _norms(model: PreTrainedModel) -> list[str]:
    """Return the parameters of the norms that stand in layers, not of those beside them."""
    stacks = [
        f"{name}." for name, module in model.named_modules() if isinstance(module, nn.ModuleList)
    ]
    return [
        f"{name}.{parameter}"
        for name, module in model.named_modules()
        if name.startswith(tuple(stacks)) and "norm" in type(module).__name__.lower()
        for parameter, _ in module.named_parameters(recurse=False)
    ]
