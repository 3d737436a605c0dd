"""Operations that a pass computes once for all of its sentences, as DeBERTa's relative positions.

`study.analyses.operations.flops` counts passes of one sentence, and so takes them for a part of
each: of a batch of 32, 32 times too often. Passes of two sentences tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PretrainedConfig, PreTrainedModel

from lora.config import LoRAConfig
from lora.inject import inject
from study.analyses.operations.flops import (
    Flops,
    fit,
    inference_flops,
    on_meta_or_cpu,
    sentence,
    training_flops,
    without_weights,
)
from study.records.arm_names import FULL

_NONE = Flops(0, 0, 0)
_SHORT = 2  # tokens


@dataclass(frozen=True)
class ByPass:
    """Operations of sentences, by the passes that they share.

    Attributes:
        alone: of sentences that go through a model one by one.
        once: what of that a pass of any number of sentences takes once, for its longest one.
    """

    alone: Flops
    once: Flops = _NONE

    def of(
        self,
        sentences: float,
        tokens: float,
        squared_lengths: float,
        longest: Sequence[float] = (),
    ) -> float:
        """Count sentences as `Flops.of` does.

        Args:
            longest: the tokens of the longest sentence, of each pass that they take; none where
                they do not go through the encoder.
        """
        shared = self.once.per_sentence * (len(longest) - sentences)
        shared += self.once.per_token * (sum(longest) - tokens)
        return self.alone.of(sentences, tokens, squared_lengths) + shared


def training_by_pass(
    config: PretrainedConfig, num_labels: int, method: str, adapter: LoRAConfig | None = None
) -> ByPass:
    """Count a training step; see `training_flops`.

    Raises:
        StudyError: the adapter does not fit the model.
    """
    alone = training_flops(config, num_labels, method, adapter)
    return ByPass(alone, _once(config, adapter, method == FULL, backward=True))


def inference_by_pass(
    config: PretrainedConfig, num_labels: int, adapter: LoRAConfig | None = None
) -> ByPass:
    """Count classification; see `inference_flops`.

    Raises:
        StudyError: the adapter does not fit the model.
    """
    alone = inference_flops(config, num_labels, adapter)
    return ByPass(alone, _once(config, adapter, False, backward=False))


def _once(
    config: PretrainedConfig, adapter: LoRAConfig | None, trains: bool, backward: bool
) -> Flops:
    """Count what a pass takes once.

    Args:
        trains: whether all of the encoder does, and not an adapter alone.
    """

    def on(device: str) -> Flops:
        model = without_weights(config, 2, device)
        if adapter is not None:
            inject(model, adapter, torch.Generator())
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(trains or name.endswith((".lora_A", ".lora_B")))
        return shared(model.base_model, backward)

    return on_meta_or_cpu(on)


def shared(encoder: PreTrainedModel, backward: bool) -> Flops:
    """Return what a pass of an encoder takes whatever number of sentences it holds.

    Encoders with decoders are called by their heads alone; those that are known share nothing.

    Args:
        backward: with the gradients of what trains.
    """

    def once(length: int, backward: bool) -> int:
        one, two = (_counted(encoder, length, count, backward) for count in (1, 2))
        return 2 * one - two

    if encoder.config.is_encoder_decoder or not once(_SHORT, False):
        return _NONE
    return fit(lambda length: once(length, backward))


def _counted(encoder: PreTrainedModel, length: int, count: int, backward: bool) -> int:
    """Count a pass of `count` sentences of `length` tokens."""
    ids = sentence(encoder.config, length, encoder.device).expand(count, -1)
    with FlopCounterMode(display=False) as counter:
        hidden = encoder(input_ids=ids).last_hidden_state
        if backward and hidden.requires_grad:
            hidden.sum().backward()
    return int(counter.get_total_flops())
