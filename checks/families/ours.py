"""The study's pass over the same sentences, as its arms go about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from checks.families import sizes
from checks.families.making import CAUSAL, LABELS
from checks.families.sentences import CHOSEN, LONGEST
from checks.families.truth import Answers, Run
from lora.config import LoRAConfig
from lora.inject import adapted_modules, adapter_parameters, eject
from study.arms.lora import adapt
from study.batches import streams
from study.batches.beginnings import pack_as
from study.feasibility.batching import Choice, choose_batching, choose_causal_batching
from study.models.causal import PackedCausalLM, load_causal
from study.models.objective import PackedModel
from study.models.packed import PackedClassifier, load_pretrained
from study.models.pretrained import batching_of
from study.records.prepared import Split

_BLOCKS, _DROPOUT = 2, 0.0


def load(folder: Path, kind: str, layers: Sequence[str]) -> tuple[PreTrainedModel, Choice]:
    """Choose how to compute and load a folder, as the stages do.

    Raises:
        StudyError: the study refuses it.
    """
    choose = choose_causal_batching if kind == CAUSAL else choose_batching
    choice = choose(str(folder), LONGEST, adapter(layers))
    how = torch.float32, _DROPOUT, LONGEST, choice.batching, sizes.PAD
    if kind == CAUSAL:
        return load_causal(str(folder), *how), choice
    return load_pretrained(str(folder), LABELS, *how), choice


def adapter(layers: Sequence[str]) -> LoRAConfig:
    """Return an adapter of these layers whose update is B A."""
    return LoRAConfig(sizes.RANK, float(sizes.RANK), tuple(layers))


def answers(
    model: PreTrainedModel, kind: str, split: Split, layers: Sequence[str], runs: int
) -> list[tuple[Run, Answers]]:
    """Return what each of the runs, which share a pass, is and answers.

    Outputs are those of evaluation, gradients those of training, with no dropout.
    """
    seeds = list(range(runs))
    packed: PackedModel = (PackedCausalLM if kind == CAUSAL else PackedClassifier)(model, seeds)
    adapt(model, [adapter(layers)] * runs, seeds)
    try:
        own = dict(packed.named_parameters())
        heads = {name.removeprefix("model."): own[name] for name in packed.head_names}
        factors = adapter_parameters(model)
        _draw(heads, factors)
        chosen = CHOSEN[:runs]
        batch = pack_as(batching_of(model), split, chosen, sizes.PAD, _BLOCKS)
        with torch.no_grad():
            outputs = packed.eval()(batch)
        generators = [streams.generator(seed, "dropout") for seed in seeds]
        wanted = heads | factors
        for parameter in wanted.values():
            parameter.requires_grad_(True)
        loss = packed.objective.loss(packed.train()(batch, generators), batch.labels).sum()
        found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
        gradients = {
            name: torch.zeros_like(wanted[name]) if g is None else g
            for name, g in zip(wanted, found, strict=True)
        }
        if kind == CAUSAL:
            outputs = outputs[..., :1] / batch.labels[..., None]
        adapted = adapted_modules(model)
        return [
            (
                Run(
                    {n: (m.lora_A[r].detach(), m.lora_B[r].detach()) for n, m in adapted.items()},
                    {n: p[r].detach().clone() for n, p in heads.items()},
                    chosen[r],
                ),
                Answers(outputs[r], {n: g[r] for n, g in gradients.items()}),
            )
            for r in range(runs)
        ]
    finally:
        packed.eval()
        eject(model)


@torch.no_grad()
def _draw(heads: Mapping[str, Tensor], factors: Mapping[str, Tensor]) -> None:
    """Give every run a head and factors of its own whose effect is as large as the weights'."""
    draw = torch.Generator().manual_seed(11)
    for parameter in heads.values():
        spread = 2 / parameter.shape[-1] ** 0.5 if parameter.ndim > 2 else 0.3
        parameter.copy_(spread * torch.randn(parameter.shape, generator=draw))
    for name, parameter in factors.items():
        if name.endswith("lora_B"):
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=draw))
