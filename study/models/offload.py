"""Frozen matrices that stay in the CPU's memory while a GPU trains.

A GPU then holds one of them at a time: each is copied where it is multiplied by, in the forward
pass and again in the backward pass, and let go of at once. What is small (biases, norms), what is
looked up (embeddings) and what trains is on the GPU as ever; so are matrices whose norms DoRA takes
every step, and those in 4 bit. Products are the same, so results are those of the same GPU without.

On a CPU there is nowhere to put them: `study.training.machine.training_device` refuses the setting.
There, in fp32, frozen weights are the safetensors file itself, mapped into memory, which the kernel
may drop and read again; in bf16 they are a cast copy. Full fine-tuning freezes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from study.models import frozen


@torch.no_grad()
def place(
    model: nn.Module, device: torch.device, *, offload: bool, trained: Collection[str] = ()
) -> None:
    """Put a model on a device, but for the frozen matrices of its layers if they are offloaded.

    Args:
        trained: names of parameters that are not frozen, whatever they say themselves.
    """
    if not offload:
        model.to(device)
        return
    away = {id(module.weight): module for module in frozen_linears(model, trained)}
    for module in away.values():
        setattr(module.weight, frozen.OFFLOADED, True)
        module.forward = MethodType(_forward, module)
    for tensor in (*model.parameters(), *model.buffers()):
        if id(tensor) not in away:
            tensor.data = tensor.data.to(device)
        elif device.type != "cpu":  # pinned memory is copied while the CPU goes on
            tensor.data = tensor.data.cpu().pin_memory()


def frozen_linears(model: nn.Module, trained: Collection[str] = ()) -> list[Any]:
    """Return the linear layers of the model's stacks whose weight nothing but a product reads."""
    stacks = tuple(f"{n}." for n, m in model.named_modules() if isinstance(m, nn.ModuleList))
    rescaled = {
        f"{name}.base"
        for name, module in model.named_modules()
        if getattr(module, "lora_magnitude_vector", None) is not None
    }
    return [
        module
        for name, module in model.named_modules()
        if name.startswith(stacks)
        and type(module) in (nn.Linear, Conv1D)
        and name not in rescaled
        and f"{name}.weight" not in trained
    ]


def _forward(module: Any, x: Tensor) -> Tensor:
    y: Tensor = _Product.apply(x, module.weight, module.bias, isinstance(module, Conv1D))
    return y


class _Product(torch.autograd.Function):
    """x W^T + b, or x W + b of a `Conv1D`, for a frozen W that is elsewhere than x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: bool) -> Tensor:
        ctx.weight, ctx.conv = weight, conv
        here = frozen.fetch(weight, x.device)
        return F.linear(x, here.t() if conv else here, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        grad_x = grad_bias = None
        if ctx.needs_input_grad[0]:
            here = frozen.fetch(ctx.weight, grad.device)
            grad_x = grad @ (here.t() if ctx.conv else here)
        if ctx.needs_input_grad[2]:
            grad_bias = grad.flatten(0, -2).sum(0)
        return grad_x, None, grad_bias, None
