"""How many floating-point operations the matrix products of one training step need.

A product of (m, k) and (k, n) is 2 m k n. The model is built without weights (on torch's meta
device; on the CPU with random ones where it looks at values or needs a kernel that meta lacks, as
mixtures of experts do), adapted and frozen as the method says, and torch's own counter
(`torch.utils.flop_counter`) counts what its forward and backward call. So exactly those gradients
count that the method needs: a frozen weight earns none, and nothing below the lowest adapter does.
Element by element work (norms, gelu, softmax, the optimiser) counts as nothing, though it takes
time.

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
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel

from lora.config import LoRAConfig
from lora.inject import inject
from study.entry.errors import StudyError
from study.records.arm_names import FULL, LORA
from study.sources.configs import token_id

_LENGTHS = (2, 3, 4)
ONE_BY_ONE = {"attn_implementation": "eager", "experts_implementation": "eager"}
"""Attention and experts call their products one by one, where the counter sees them."""
_NEEDS_VALUES = (RuntimeError, ValueError, TypeError, AttributeError, LookupError)


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
    def on(device: str) -> Flops:
        model = without_weights(config, num_labels, device)
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

    return on_meta_or_cpu(on)


def on_meta_or_cpu(count: Callable[[str], Flops]) -> Flops:
    """Count on the meta device, or on the CPU if the model cannot be computed without values."""
    try:
        return count("meta")
    except _NEEDS_VALUES:
        return count("cpu")


def fit(count: Callable[[int], int]) -> Flops:
    """Fit a + b L + c L^2 through the counts of one sentence at three lengths in a row."""
    short, middle, long = (count(length) for length in _LENGTHS)
    pairs = (long - 2 * middle + short) // 2
    tokens = middle - short - (_LENGTHS[1] ** 2 - _LENGTHS[0] ** 2) * pairs
    return Flops(short - _LENGTHS[0] * tokens - _LENGTHS[0] ** 2 * pairs, tokens, pairs)


def without_weights(
    config: PretrainedConfig, num_labels: int, device: str = "meta"
) -> PreTrainedModel:
    """Build the classifier of a configuration on the meta device, where nothing is computed.

    Args:
        device: or on the CPU, with random weights.

    Raises:
        ValueError: on the meta device its operations would not be counted whole.
    """
    config = copy.deepcopy(config)
    config.num_labels = num_labels
    with torch.random.fork_rng(devices=[]), torch.device(device):
        model = AutoModelForSequenceClassification.from_config(config, **ONE_BY_ONE)
    if device == "meta":
        if any(parameter.ndim == 3 for parameter in model.parameters()):
            raise ValueError("experts: which tokens go to which one is told by values alone")
        # Else the ids are searched for it, and they have no values.
        model.config.pad_token_id = model.config.get_text_config().pad_token_id = None
    return model


def sentence(config: PretrainedConfig, length: int, device: str | torch.device) -> Tensor:
    """Return the ids (1, length) of one sentence: none pads, and the last ends it."""
    pad, end = token_id(config, "pad"), token_id(config, "eos")
    ids = torch.full((1, length), next(i for i in range(3) if i not in (pad, end)), device=device)
    if end is not None and end != pad:
        ids[0, -1] = end
    return ids


def counted(model: PreTrainedModel, length: int, backward: bool) -> int:
    """Count what one sentence of `length` tokens takes, with the gradients that are asked for."""
    ids = sentence(model.config, length, model.device)
    with FlopCounterMode(display=False) as counter:
        logits = model(input_ids=ids).logits
        if backward:
            F.cross_entropy(logits, torch.zeros_like(ids[:, 0])).backward()
    return int(counter.get_total_flops())
