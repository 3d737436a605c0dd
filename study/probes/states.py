"""What the frozen encoder makes of a sentence, in one vector: three kinds of states.

pooled    what the model's own head reads, where the pretrained model brings a layer before it:
          BERT's pooler, a dense layer and tanh on the first token
first     the last hidden state of the first token; `last`, of the last token, in a model whose head
          reads that one, as of a causal model it alone has seen the whole sentence
mean      the mean of the last hidden states over the sentence's tokens, special ones included, as
          Sentence-BERT pools (Reimers & Gurevych 2019, section 3)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from study.batches.feeds import TokenFeed
from study.batches.packing import PackedBatch
from study.models import pretrained
from study.models.attention import Packing
from study.models.padded import typed
from study.models.pretrained import batching_of
from study.models.readout import FIRST, LAST, MEAN, POOLED, padded_states

NO_POOLER = "the pretrained model has no layer between its last hidden states and its head"


def kinds(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the kinds of states that a model has, the one nearest to its own head first."""
    if batching_of(model) != "packed":  # what its head reads is not known by its form
        return (*((POOLED,) if _pooler(model) is not None else ()), FIRST, LAST, MEAN)
    place = LAST if _reads_last(model) else FIRST
    return (POOLED, place, MEAN) if _pooler(model) is not None else (place, MEAN)


@torch.no_grad()
def states(model: PreTrainedModel, feed: TokenFeed, split: str) -> dict[str, Tensor]:
    """Return every kind of states of a split's sentences, (n, hidden) fp32 on the CPU.

    Args:
        model: as `study.models.packed.load_pretrained` gives it, on the device of the feed.
        split: by name.
    """
    wanted, count = kinds(model), len(feed.labels(split))
    found: dict[str, Tensor] = {}
    for sentences, batch in feed.evaluation(split, runs=1):
        for kind, rows in _of_batch(model, batch, wanted).items():
            if kind not in found:
                found[kind] = torch.empty(count, rows.shape[-1])
            found[kind][sentences] = rows.float().cpu()
    return found


def _of_batch(
    model: PreTrainedModel, batch: PackedBatch, wanted: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return the states (B, hidden) of a batch of one run."""
    if batching_of(model) != "packed":
        found = padded_states(model, batch)
        return {kind: found[kind] for kind in wanted if kind in found}
    offset = pretrained.first_position(model)
    hidden = model.base_model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids + offset,
        packing=Packing(batch.layout, ()),
        **typed(batch),
        **({"use_cache": False} if _reads_last(model) else {}),
    ).last_hidden_state[0]
    first, last = batch.first[0], batch.last[0]
    found = {MEAN: _means(hidden[: batch.row_tokens[0]], last - first + 1)}
    for kind, places in ((FIRST, first), (LAST, last)):
        if kind in wanted:
            found[kind] = hidden.index_select(0, places)
    if POOLED in wanted:
        pooler: Any = _pooler(model)
        found[POOLED] = pooler(found[FIRST].unsqueeze(1))
    return {kind: found[kind] for kind in wanted}


def _means(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Return the means (B, hidden), fp32, of sentences that lie end to end in (tokens, hidden)."""
    sentence = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    sums = tokens.new_zeros(len(lengths), tokens.shape[-1], dtype=torch.float32)
    return sums.index_add_(0, sentence, tokens.float()) / lengths.unsqueeze(1)


def _reads_last(model: PreTrainedModel) -> bool:
    """Tell whether the model's head reads the last token: GPT-2's and Llama's `score`."""
    return hasattr(model, "score")


def _pooler(model: PreTrainedModel) -> nn.Module | None:
    """Return the layer that came with the pretrained model and feeds the head, if there is one.

    RoBERTa's and DistilBERT's layers before the classes are parts of a head that is drawn anew.
    """
    found: nn.Module | None = getattr(model.base_model, "pooler", None)
    return found
