"""QLoRA's base: frozen weights in 4 bit, NF4 with double quantisation (Dettmers et al. 2023).

arXiv 2305.14314. bitsandbytes holds the weights and multiplies with them, on a CPU too; the factors
on top are LoRA's own and fp32. As there, every linear layer of the encoder is quantised, the
embeddings, norms and the head are not. BERT's pooler, which is no layer of the encoder's stack,
stays as it is.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lora.layer import features
from study.entry.errors import StudyError
from study.models.fused_layer import unfuse
from study.studies.methods.training.method import NotApplicable

BLOCK = 64  # numbers that share a scale, bitsandbytes' own choice


def require_bitsandbytes() -> Any:
    """Return the module bitsandbytes.

    Raises:
        StudyError: it is not installed.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # kernels from a hub are not wanted
    try:
        import bitsandbytes  # an optional extra
    except ModuleNotFoundError as error:
        if error.name != "bitsandbytes":
            raise
        raise StudyError(
            "methods/params.yaml:lora_variants: qlora, but the package bitsandbytes is not "
            "installed here; allowed: qlora after pip install '.[qlora]', or a list without it"
        ) from error
    return bitsandbytes


def quantise(model: PreTrainedModel) -> tuple[str, ...]:
    """Put every linear layer of the encoder's stack in 4 bit; return the layers' names.

    GPT-2's `Conv1D` becomes a linear layer of the same function. The dtype of computing stays the
    weights' own.

    Raises:
        StudyError: bitsandbytes is not installed.
        NotApplicable: a layer's inputs are no whole number of blocks. Nothing is changed then.
    """
    linear4bit = require_bitsandbytes().nn.Linear4bit
    stacks = tuple(f"{n}." for n, m in model.named_modules() if isinstance(m, nn.ModuleList))
    chosen: dict[str, Any] = {
        name: module
        for name, module in model.named_modules()
        if name.startswith(stacks) and type(module) in (nn.Linear, Conv1D)
    }
    for name, module in chosen.items():
        inputs = features(module)[0]
        if inputs % BLOCK:
            raise NotApplicable(
                f"{name} has {inputs} inputs, and bitsandbytes' CPU build reads a weight in 4 bit "
                f"wrongly where its rows are not whole blocks of {BLOCK}"
            )
    for name, module in chosen.items():
        weight = module.weight.detach()
        weight = weight.T.contiguous() if isinstance(module, Conv1D) else weight
        new = linear4bit(
            weight.shape[1],
            weight.shape[0],
            bias=module.bias is not None,
            compute_dtype=weight.dtype,
            compress_statistics=True,
            quant_type="nf4",
        )
        state = {"weight": weight}
        if module.bias is not None:
            state["bias"] = module.bias.detach()
        new = new.to(weight.dtype)
        new.load_state_dict(state)
        # On CPUs with AVX512-BF16 an evaluation repacks the weights for good, with coarser scales:
        # the next epoch would train on another base. Without it the base stays as it is.
        new.support_avx512bf16_for_cpu = False
        # Moving to a device is what quantises.
        new = new.to(weight.device).requires_grad_(False).train(module.training)
        model.set_submodule(name, new)
    unfuse(model)
    return tuple(chosen)


@torch.no_grad()
def weight_bytes(model: PreTrainedModel) -> int:
    """Return the bytes of a model's parameters, codes in 4 bit and their scales included."""
    total = 0
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            total += parameter.numel() * parameter.element_size()
            state = getattr(parameter, "quant_state", None)
            if state is not None:
                packed = state.as_dict(packed=True).values()
                total += sum(tensor.numel() * tensor.element_size() for tensor in packed)
    return total
