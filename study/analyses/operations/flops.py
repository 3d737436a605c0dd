"""How many floating-point operations the matrix products of one training step need.

A product of (m, k) and (k, n) is 2 m k n. The model is built without weights (on torch's meta
device), adapted and frozen as the method says, and torch's own counter (`torch.utils.flop_counter`)
counts what its forward and backward call. So exactly those gradients count that the method needs: a
frozen weight earns none, and nothing below the lowest adapter does. Element by element work (norms,
gelu, softmax, the optimiser) counts as nothing, though it takes time.

A sentence of L tokens costs a + b L + c L^2: heads and poolers, the linear layers, attention's
scores. Counted at three lengths, the three numbers are exact, and give the operations of any batch
without padding. A decoder's attention counts in full, as it is computed, not the half that its mask
leaves.

The usual rule of thumb is 2 N operations a token forward and 4 N backward, for N weights that are
all trained (Kaplan et al. 2020, arXiv 2001.08361). A frozen weight's own gradient drops out of it,
which leaves 4 N: LoRA saves about a third of a step's operations, whatever its rank.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel

from lora.config import LoRAConfig
from lora.inject import inject
from study.entry.errors import StudyError
from study.records.arm_names import FULL, LORA

_LENGTHS = (2, 3, 4)


@dataclass(frozen=True)
class Flops:
    """Operations of one sentence, of each of its tokens, and of each pair of its tokens."""

    per_sentence: int
    per_token: int
    per_pair: int

    def of(self, sentences: float, tokens: float, squared_lengths: float) -> float:
        """Count a batch of sentences.

        Args:
            sentences: in the batch.
            tokens: in all of them.
            squared_lengths: the sum over its sentences of the squared number of tokens.
        """
        tokens_part = self.per_token * tokens + self.per_pair * squared_lengths
        return self.per_sentence * sentences + tokens_part


def training_flops(
    config: PretrainedConfig, num_labels: int, method: str, adapter: LoRAConfig | None = None
) -> Flops:
    """Count one run's training step, forward and backward.

    Args:
        method: "lora" (frozen base, adapter and head trained), "full", or "head_only" (a frozen
            encoder run forward in each step).
        adapter: of LoRA.

    Raises:
        StudyError: the adapter does not fit the model.
    """
    return _count(config, num_labels, method, adapter, backward=True)


def inference_flops(
    config: PretrainedConfig, num_labels: int, adapter: LoRAConfig | None = None
) -> Flops:
    """Count the classification of a sentence: by the plain or merged model, or with an adapter.

    Raises:
        StudyError: the adapter does not fit the model.
    """
    method = FULL if adapter is None else LORA
    return _count(config, num_labels, method, adapter, backward=False)


def _count(
    config: PretrainedConfig,
    num_labels: int,
    method: str,
    adapter: LoRAConfig | None,
    backward: bool,
) -> Flops:
    model = without_weights(config, num_labels)
    if adapter is not None:
        try:
            inject(model, adapter, torch.Generator())
        except ValueError as error:
            raise StudyError(f"lora: {error}") from error
    prefix = f"{model.base_model_prefix}."
    for name, parameter in model.named_parameters():
        of_adapter = name.endswith((".lora_A", ".lora_B"))
        parameter.requires_grad_(method == FULL or of_adapter or not name.startswith(prefix))
    return fit(lambda length: counted(model, length, backward))


def fit(count: Callable[[int], int]) -> Flops:
    """Fit a + b L + c L^2 through the counts of one sentence at three lengths in a row."""
    short, middle, long = (count(length) for length in _LENGTHS)
    pairs = (long - 2 * middle + short) // 2
    tokens = middle - short - (_LENGTHS[1] ** 2 - _LENGTHS[0] ** 2) * pairs
    return Flops(short - _LENGTHS[0] * tokens - _LENGTHS[0] ** 2 * pairs, tokens, pairs)


def without_weights(config: PretrainedConfig, num_labels: int) -> PreTrainedModel:
    """Build the classifier of a configuration on the meta device, where nothing is computed."""
    config = copy.deepcopy(config)
    config.num_labels = num_labels
    with torch.device("meta"):
        # "eager" calls its two products one by one, where the counter sees them.
        model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    model.config.pad_token_id = None  # else the ids are searched for it, and they have no values
    return model


def counted(model: PreTrainedModel, length: int, backward: bool) -> int:
    """Count what one sentence of `length` tokens takes, with the gradients that are asked for."""
    ids = torch.zeros(1, length, dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as counter:
        logits = model(input_ids=ids).logits
        if backward:
            F.cross_entropy(logits, ids[:, 0]).backward()
    return int(counter.get_total_flops())
