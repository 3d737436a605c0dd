"""What a model computes by transformers alone: its own classes, attention and padding.

Nothing of the study's is used: an adapter is a hook that adds s B A x to what a layer returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from checks.families.layers import adaptable
from checks.families.making import AUTO, CAUSAL
from checks.families.sentences import padded
from study.records.prepared import Split


@dataclass(frozen=True)
class Run:
    """What one run adds to a model.

    Attributes:
        factors: A (r, in) and B (out, r), s being one, by the layer's name.
        head: values of parameters that are the run's own, by their name.
        chosen: the sentences that it reads, (b,).
    """

    factors: Mapping[str, tuple[Tensor, Tensor]]
    head: Mapping[str, Tensor]
    chosen: Tensor


@dataclass(frozen=True)
class Answers:
    """Outputs (b, k) and the gradients of their loss, by parameter, with A and B behind a name.

    A classifier's outputs are logits; a language model's are the mean of -log p over each response.
    """

    outputs: Tensor
    gradients: Mapping[str, Tensor]


class Model:
    """A saved model as anybody loads it.

    Args:
        folder: what `checks.families.making.make` wrote.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._causal = kind == CAUSAL
        model: Any = AUTO[kind].from_pretrained(folder, dtype=torch.float32)
        self._model = model.eval().requires_grad_(False)
        self._model.config.use_cache = False

    def layers(self, split: Split) -> list[str]:
        """Return the linear layers that can be adapted."""
        return adaptable(self._model, padded(split, torch.arange(2)))

    def answers(self, split: Split, run: Run) -> Answers:
        """Return what the model answers as one run has changed it."""
        wanted: dict[str, Tensor] = {}
        hooks = []
        for name, value in run.head.items():
            wanted[name] = self._model.get_parameter(name)
            wanted[name].data.copy_(value)
            wanted[name].requires_grad_(True)
        for name, factors in run.factors.items():
            A, B = (factor.clone().requires_grad_(True) for factor in factors)
            wanted |= {f"{name}.lora_A": A, f"{name}.lora_B": B}
            hook = _Added(A, B)
            hooks.append(self._model.get_submodule(name).register_forward_hook(hook))
        outputs = self._outputs(split, run.chosen)
        if self._causal:
            counts = split.labels[run.chosen]
            loss = (outputs[:, 0] * counts).sum() / counts.sum()
        else:
            loss = F.cross_entropy(outputs, split.labels[run.chosen])
        found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
        for hook in hooks:
            hook.remove()
        gradients = {
            name: torch.zeros_like(wanted[name]) if g is None else g
            for name, g in zip(wanted, found, strict=True)
        }
        return Answers(outputs.detach(), gradients)

    @torch.no_grad()
    def padding_matters(self, split: Split, chosen: Tensor) -> float:
        """Return by how much answers differ between one padded batch and sentences alone.

        Raises:
            ValueError: the answers are no numbers.
        """
        together = self._outputs(split, chosen)
        if not together.isfinite().all():
            raise ValueError("its own answers are not finite")
        alone = torch.cat([self._outputs(split, one[None]) for one in chosen])
        return off_by(together, alone)

    def _outputs(self, split: Split, chosen: Tensor) -> Tensor:
        inputs = padded(split, chosen)
        logits: Tensor = self._model(**inputs).logits.float()
        return _losses(logits, inputs, split.labels[chosen]) if self._causal else logits


class _Added:
    """A forward hook that adds B A x."""

    def __init__(self, A: Tensor, B: Tensor) -> None:
        self._A, self._B = A, B

    def __call__(self, _: nn.Module, args: Sequence[Tensor], output: Tensor) -> Tensor:
        return output + (args[0] @ self._A.T) @ self._B.T


def _losses(logits: Tensor, inputs: Mapping[str, Tensor], counts: Tensor) -> Tensor:
    """Return the mean of -log p over the last `counts` tokens of every sentence, (b, 1)."""
    targets, lengths = inputs["input_ids"], inputs["attention_mask"].sum(1)
    losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), targets[:, 1:], reduction="none")
    place = torch.arange(1, targets.shape[1])
    asked = (place < lengths[:, None]) & (place >= (lengths - counts)[:, None])
    return ((losses * asked).sum(1) / counts)[:, None]


def off_by(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference, relative to the largest number if that is above one."""
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))
