"""What every tuned model gives for the general text, and how far its states have moved.

An encoder's own outputs are its hidden states; it has no head before it is tuned. So drift is read
twice: in the state of the token that the head reads, against the pretrained encoder's,

    change = 1 - cos(h, h0),    0 (same direction) to 2,

which needs no head, and in the logits, for which the pretrained encoder takes the head of the
head-only arm of the same seed (`study.studies.drift.answers.record`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from study.arms.saved_heads import read_head, with_heads
from study.batches.feeds import TokenFeed
from study.evaluation.attached import attached, read_adapter
from study.evaluation.evaluator import Evaluator
from study.evaluation.hidden_states import outputs
from study.models.matrices import read_tuned
from study.models.packed import load_for
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared, Split
from study.studies.drift.outputs.given import Given, Name
from study.training.machine import compute_dtype, device

if TYPE_CHECKING:
    from study.studies.drift.settings import DriftStudy


def every_arm(
    settings: DriftStudy, text: Split, data: Prepared, folder: Path
) -> Iterator[tuple[Name, Given]]:
    """Yield what head-only, every LoRA rank and full fine-tuning give, seeds ascending.

    Args:
        data: that the study was trained on.
        folder: with head_only/, adapters/ and full/.

    Raises:
        StudyError: a model is not there or does not fit.
    """
    data, seeds = replace(data, test=text), sorted(settings.seeds)
    dtype = compute_dtype(settings.train)
    used = device(settings.train)
    model = load_for(data, settings.model.name, dtype, device=used)
    feed = TokenFeed(data, 1, used)  # nothing is trained
    heads = [read_head(seed, folder / "head_only") for seed in seeds]
    pretrained = outputs(*with_heads(model, heads, settings.train), feed, "test")
    states = pretrained.states[0]  # the same under every head
    yield (HEAD_ONLY, None), _given(pretrained.logits, pretrained.states, states)
    for rank in sorted(settings.lora.ranks):
        adapters = [read_adapter(rank, seed, folder / "adapters") for seed in seeds]
        with attached(model, adapters, settings.train) as (classifier, parameters):
            found = outputs(classifier, parameters, feed, "test")
        yield (LORA, rank), _given(found.logits, found.states, states)
    evaluator = Evaluator(settings, data)
    rows = []
    for seed in seeds:
        tuned = read_tuned(seed, folder / "full")
        evaluator.put({name: p.detach() for name, p in tuned.named_parameters()})
        rows.append(evaluator.outputs())
    logits, moved = (torch.cat([getattr(row, key) for row in rows]) for key in ("logits", "states"))
    yield (FULL, None), _given(logits, moved, states)


def change(states: Tensor, pretrained: Tensor) -> Tensor:
    """Return 1 - cos of states (..., n, hidden) and the pretrained model's (n, hidden), fp64."""
    return 1 - F.cosine_similarity(states.double(), pretrained.double(), dim=-1)


def _given(logits: Tensor, states: Tensor, pretrained: Tensor) -> Given:
    return Given(logits.numpy(), change(states, pretrained).float().numpy())
