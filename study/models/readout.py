"""Which one state of a sentence the head of a model reads, found by trying; for padded rows.

Training a head alone needs each sentence's state once, not a forward pass a step. Heads differ: the
first token's state, the last's, the mean of all, or what a pooler makes of them. So the model's own
head is run on each of these, with the encoder left out, and the one that comes nearest to the
model's own logits is taken: in bf16 another may be within rounding of them too. Where none gives
them, the head reads more than one state of a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from study.batches import streams
from study.batches.packing import PackedBatch
from study.models.padded import PaddedForward, Rows, in_order
from study.sources.configs import token_id, vocabulary

POOLED, FIRST, LAST, MEAN = "pooled", "first", "last", "mean"
KINDS = (POOLED, FIRST, LAST, MEAN)
_LENGTHS = (5, 9, 7)  # of the sentences that are tried
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.03}  # of the largest logit


@contextmanager
def listening(model: PreTrainedModel) -> Iterator[list[Any]]:
    """Yield a list that collects what the base model gives, within the `with`."""
    heard: list[Any] = []
    handle = model.base_model.register_forward_hook(lambda _, __, output: heard.append(output))
    try:
        yield heard
    finally:
        handle.remove()


def states_of(output: Any, rows: Rows) -> dict[str, Tensor]:
    """Return the states (rows, hidden) that one vector a sentence may be, by kind."""
    hidden: Tensor = output.last_hidden_state
    mask = rows.mask.unsqueeze(-1).to(hidden.dtype)
    found = {
        FIRST: hidden[:, 0],
        LAST: hidden[torch.arange(len(hidden), device=hidden.device), rows.last],
        MEAN: ((hidden * mask).sum(1) / mask.sum(1)),
    }
    pooled = getattr(output, "pooler_output", None)
    return found if pooled is None else {POOLED: pooled, **found}


def padded_states(model: PreTrainedModel, batch: PackedBatch) -> dict[str, Tensor]:
    """Return the states (R * B, hidden) of a batch's sentences, by kind; nothing is dropped."""
    forward = PaddedForward(model, len(batch.labels), separate=False)
    (one,) = forward.passes(())
    rows, found = forward.rows(batch, one), []
    for each in rows:
        with listening(model) as heard:
            forward(each, one)
        found.append(states_of(heard[0], each))
    return {
        kind: in_order([states[kind] for states in found], rows).flatten(0, 1) for kind in found[0]
    }


class HeadAlone:
    """Runs a model's own head on one state a sentence, with the encoder left out.

    Args:
        kind: of the states.
        output: of the base model, once; those to come are of its type.
    """

    def __init__(self, model: PreTrainedModel, kind: str, output: Any) -> None:
        self.kind = kind
        self._model, self._output = model, type(output)
        self._pooler = getattr(output, "pooler_output", None) is not None
        end, pad = token_id(model.config, "eos"), token_id(model.config, "pad")
        # A token that heads which look for padding or for the end take for a sentence's last.
        self._token = end if end not in (None, pad) else _other_than(pad, end)

    def __call__(self, states: Tensor) -> Tensor:
        """Return the logits (rows, num_labels) of states (rows, hidden)."""
        nothing = torch.full_like(states, torch.nan)
        pooled = self.kind == POOLED
        words: dict[str, Tensor] = {
            "last_hidden_state": (nothing if pooled else states).unsqueeze(1)
        }
        if self._pooler:
            words["pooler_output"] = states if pooled else nothing
        base = self._model.base_model
        before = vars(base).get("forward")
        base.forward = lambda *_, **__: self._output(**words)
        ids = torch.full((len(states), 1), self._token, device=states.device)
        try:
            logits: Tensor = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        finally:
            if before is None:
                del base.forward
            else:
                base.forward = before
        return logits


@torch.no_grad()
def find_head(
    model: PreTrainedModel, runs: int, forward: Callable[[Rows], Any]
) -> HeadAlone | None:
    """Return the model's head with the state that it reads; None: it reads more than one.

    Args:
        model: in evaluation mode; its head's linear layers have a weight for each of `runs`.
        forward: gives the model's output for rows.
    """
    rows = _trial(model, runs)
    with listening(model) as heard:
        logits = forward(rows).logits
    nearest, least = None, _TOLERANCE.get(model.dtype, 1e-4) * float(logits.abs().max())
    for kind, states in states_of(heard[0], rows).items():
        head = HeadAlone(model, kind, heard[0])
        try:
            again = head(states)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError):
            continue  # this head needs more than one state of a sentence
        apart = float((again - logits).abs().max()) if again.shape == logits.shape else math.inf
        if apart < least or (apart == least and nearest is None):
            nearest, least = head, apart
    return nearest


@torch.no_grad()
def looked_up(model: PreTrainedModel, runs: int, forward: Callable[[Rows], Any]) -> set[nn.Module]:
    """Return the embeddings that rows are looked up in, as against tables that are read whole.

    Args:
        model, runs, forward: as of `find_head`.
    """
    found: set[nn.Module] = set()
    handles = [
        module.register_forward_hook(lambda module, _, __: found.add(module))
        for module in model.modules()
        if isinstance(module, nn.Embedding)
    ]
    try:
        forward(_trial(model, runs))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _other_than(*tokens: int | None) -> int:
    return next(i for i in range(3) if i not in tokens)


def _trial(model: PreTrainedModel, runs: int) -> Rows:
    """Return a few made-up sentences of every run, padded."""
    device, size = model.device, vocabulary(model.config) or 2**15
    end, pad = token_id(model.config, "eos"), token_id(model.config, "pad") or 0
    draw = streams.generator(0, "readout")
    lengths = torch.tensor(_LENGTHS)
    ids = torch.randint(size, (len(lengths), max(_LENGTHS)), generator=draw)
    ids[(ids == pad) | (ids == (pad if end is None else end))] = _other_than(pad, end)
    real = torch.arange(max(_LENGTHS)) < lengths[:, None]
    ids[~real] = pad
    if end not in (None, pad):
        ids[torch.arange(len(lengths)), lengths - 1] = end
    columns = torch.arange(len(lengths)).expand(runs, -1)
    ids, mask = (x.repeat(runs, 1).to(device) for x in (ids, real.long()))
    return Rows(ids, mask, columns.to(device))
