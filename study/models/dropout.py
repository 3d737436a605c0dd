"""Dropout whose masks come from each run's own generator, drawn sixteen bits at a time.

A mask from `bernoulli_` costs one random number per element, a quarter of a training step on a CPU.
Sixteen bits per element are enough: the probability is exact to 2^-17. And one generator per run
makes a run's masks the same whether it trains alone or beside others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig

from study.batches.share import Share
from study.entry.errors import StudyError

_LEVELS = 1 << 16


def keep_mask(shape: Sequence[int], p: float, generator: torch.Generator, like: Tensor) -> Tensor:
    """Return dropout's factors: 0 with probability p, else 1 / (1 - p).

    Args:
        shape: of the mask.
        p: in [0, 1).
        generator: on the device of `like`; advances by ceil(elements / 4) 64-bit draws.
        like: gives dtype and device.
    """
    count = 1
    for size in shape:
        count *= size
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device)
    words.random_(-(1 << 63), None, generator=generator)
    bits = words.view(torch.int16)[:count]
    threshold = min(round(p * _LEVELS), _LEVELS - 1) - _LEVELS // 2
    mask = torch.empty(count, dtype=like.dtype, device=like.device)
    torch.ge(bits, threshold, out=mask)  # a bool mask first, then cast, takes four times as long
    return mask.mul_(1 / (1 - p)).view(*shape)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (mask,) = ctx.saved_tensors
        return grads[0] * mask, None


class RunDropout(nn.Dropout):
    """Dropout over (R, N, ...) or (R * n, ...), run-major, one generator per run.

    Attributes:
        generators: one per run.
        row_tokens: how many of the N places of each run's row are real. No more than these are
            drawn, so that a run's masks do not depend on how long its neighbours' rows are.
        share: the part of a step that is computed now; None: all of it.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p)
        self.generators: Sequence[torch.Generator] = ()
        self.row_tokens: Sequence[int] = ()
        self.share: Share | None = None

    @property
    def draws(self) -> bool:
        """Tell whether anything is dropped now."""
        return self.training and self.p > 0

    def factors(self, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """Draw the factors (0 or 1 / (1 - p)) for an input of this shape; None: nothing is dropped.

        Args:
            like: gives dtype and device.
        """
        if not self.draws:
            return None
        each = math.prod(shape) // len(self.generators)
        masks = []
        stretches = self._stretches(shape, each)
        for (drawn, begin, end), generator in zip(stretches, self.generators, strict=True):
            own = keep_mask((drawn,), self.p, generator, like)[begin:end]
            masks.append(F.pad(own, (0, each - len(own))))
        return (masks[0] if len(masks) == 1 else torch.cat(masks)).view(*shape)

    def _stretches(self, shape: Sequence[int], each: int) -> list[tuple[int, int, int]]:
        """Return for each run how many factors to draw, and which stretch of them it takes."""
        runs, share = len(self.generators), self.share
        rows = len(shape) > 2 and shape[0] == runs  # the head's input has one place each
        if self.row_tokens and rows and shape[1] >= max(self.row_tokens):
            width = math.prod(shape[2:])
            whole, first = self.row_tokens, (0,) * runs
            if share is not None:
                whole, first = share.row_tokens, share.first_tokens
            places = zip(whole, first, self.row_tokens, strict=True)
            return [(w * width, f * width, (f + own) * width) for w, f, own in places]
        if share is None:
            return [(each, 0, each)] * runs
        width = each // share.count
        begin = share.first_sentence * width
        return [(share.sentences * width, begin, begin + each)] * runs

    def forward(self, input: Tensor) -> Tensor:
        mask = self.factors(input.shape, input)
        return input if mask is None else _Dropout.apply(input, mask)


def dropout_keys(config: PretrainedConfig) -> list[str]:
    """Return the names under which a configuration holds probabilities of dropout.

    Families name them as they like: hidden_dropout_prob, classifier_dropout_prob, resid_pdrop,
    attn_dropout, feat_proj_dropout. None stands for another one's.
    """
    return [
        key
        for key, value in config.to_dict().items()
        if ("dropout" in key or key.endswith("pdrop"))
        and hasattr(config, key)
        and not isinstance(value, bool)
        and (value is None or (isinstance(value, int | float) and 0 <= value < 1))
    ]


def replace_dropout(model: nn.Module) -> None:
    """Put a `RunDropout` of the same p in the place of every `nn.Dropout` of the model."""
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):  # also one with two names
            if isinstance(child, nn.Dropout) and not isinstance(child, RunDropout):
                setattr(module, name, RunDropout(child.p).train(child.training))


def drawing(dropout: nn.Module) -> RunDropout | None:
    """Return a layer's dropout if it drops anything now; None: it hands on what it gets.

    Raises:
        StudyError: a plain `nn.Dropout`, whose masks would not be the runs' own.
    """
    if isinstance(dropout, RunDropout):
        return dropout if dropout.draws else None
    if isinstance(dropout, nn.Dropout) and not (dropout.training and dropout.p > 0):
        return None
    raise StudyError(
        f"a layer that trains runs together holds {dropout}, whose masks would not be each run's "
        "own; allowed is a RunDropout: call study.models.dropout.replace_dropout(model) "
        "once the model has all its modules"
    )


def no_dropout(model: nn.Module) -> bool:
    """Tell whether no mask will be drawn in training, in any layer or in attention.

    Attention is handed its p as a number (Llama keeps it as `attention_dropout`), and so is dropout
    that a family calls as a function.
    """
    drawn = [m.p for m in model.modules() if isinstance(m, RunDropout)]
    config = getattr(model, "config", None)
    if isinstance(config, PretrainedConfig):
        drawn += [getattr(config, key) or 0.0 for key in dropout_keys(config)]
    drawn += [
        float(getattr(m, "attention_dropout", 0.0) or 0.0)
        for m in model.modules()
        if not isinstance(getattr(m, "attention_dropout", 0.0), nn.Module)
    ]
    return not any(drawn)


def use_generators(
    model: nn.Module,
    generators: Sequence[torch.Generator],
    row_tokens: Sequence[int] = (),
    share: Share | None = None,
) -> None:
    """Let every `RunDropout` of the model draw from these generators, one per run.

    Args:
        row_tokens: see `RunDropout`; empty: no row is padded.
        share: of a step that is computed in parts, each of which draws from where the step began.
    """
    if share is not None and not share.start:
        share.start.extend(generator.get_state() for generator in generators)
    elif share is not None:
        for generator, state in zip(generators, share.start, strict=True):
            generator.set_state(state)
    for module in model.modules():
        if isinstance(module, RunDropout):
            module.generators, module.row_tokens, module.share = generators, row_tokens, share
