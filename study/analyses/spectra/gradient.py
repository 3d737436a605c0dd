"""The gradient of the training loss at the start, matrix by matrix.

Taken at the pretrained weights, where LoRA starts too (B = 0), over a number of training sentences.
Its singular values are what gradient rules look at: LoRA-GA (arXiv 2407.05000) and LoRA-One (arXiv
2502.01235) start the factors from the gradient's top singular vectors, the latter because plain
LoRA is drawn to that subspace; GoRA (arXiv 2502.12171) shares a given budget of ranks out by the
gradient. None of the three says how large a rank must be. The rule that is read off the spectrum,
the rank that holds a share of the gradient's squared norm, is the usual one for spectra, applied to
the gradient.

The head is new and drawn at random, and the gradient depends on it: with C classes the loss sends
back at most C - 1 directions through a linear head, the same for every sentence. With two classes
sentences differ in sign and length alone there, and only what lies below the head spreads that out.
A gradient of low rank at the start is thus no proof that the task needs no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from study.batches.packing import BLOCKS, by_length, pack
from study.models.matrices import linear_modules
from study.models.packed import PackedClassifier
from study.records.prepared import Prepared

TOKENS = 2048  # of one forward and backward


def initial_gradients(
    model: PreTrainedModel,
    names: Sequence[str],
    data: Prepared,
    seed: int,
    sentences: int | None,
) -> dict[str, Tensor]:
    """The gradient of the mean cross-entropy, (out, in), fp32, of linear layers by their names.

    Dropout is off. The model's weights stay as they are; its head becomes the seed's initial one.

    Args:
        model: the pretrained one, fp32
        names: of the layers
        seed: of the head, drawn as for the seed's runs
        sentences: the first of train, None for all
    """
    split = data.train.first(sentences)
    classifier = PackedClassifier(model, [seed]).eval()
    every = linear_modules(model)
    modules = {name: every[name] for name in names}
    weights: list[Any] = [module.weight for module in modules.values()]
    sums = [torch.zeros_like(weight, dtype=torch.float64) for weight in weights]
    try:
        for weight in weights:
            weight.requires_grad_()
        for chosen in by_length(split, TOKENS):
            logits = classifier(pack(split, [chosen], data.pad_token_id, BLOCKS))[0]
            loss = _summed(logits, split.labels[chosen])
            _add(sums, torch.autograd.grad(loss, weights, allow_unused=True))
    finally:
        model.requires_grad_(False)
    means = [(total / len(split)).float() for total in sums]
    return {
        name: mean.T if isinstance(module, Conv1D) else mean
        for (name, module), mean in zip(modules.items(), means, strict=True)
    }


def _add(sums: Sequence[Tensor], parts: Sequence[Tensor | None]) -> None:
    for total, part in zip(sums, parts, strict=True):
        if part is not None:  # a pooler that the head does not read has none
            total += part


def _summed(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss that training goes down, summed over sentences."""
    if labels.is_floating_point():
        return F.mse_loss(logits[:, 0], labels, reduction="sum")
    return F.cross_entropy(logits, labels, reduction="sum")
