"""LoRA and its variants as methods of the comparison: one rank, one thing changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from transformers import PreTrainedModel

from study.lora_arm import LoraArm
from study.methods.choose import lora_settings, rates
from study.methods.quantised import quantise
from study.prepared import Prepared
from study.rank import TrainedRank, train_rank
from study.settings import Settings


class QLoraArm(LoraArm):
    """LoRA on a base in 4 bit, as work for an executor."""

    @cached_property
    def model(self) -> PreTrainedModel:
        """The frozen base, quantised."""
        model: PreTrainedModel = super().model
        quantise(model)
        return model


def train_variant(settings: Settings, data: Prepared, name: str) -> TrainedRank:
    """Train a variant at every learning rate of its own, all seeds together.

    Returns:
        As for a rank of the sweep; the record's arm is the variant's name.

    Raises:
        StudyError: as `train_rank`, or bitsandbytes is not installed and the variant is QLoRA.
    """
    own = lora_settings(name, settings.lora, settings.methods)
    own = replace(own, learning_rates=rates(name, settings.methods))
    variant = replace(settings, lora=own)
    arm = QLoraArm if name == "qlora" else LoraArm
    trained = train_rank(variant, data, own.rank, f"method-{name}", arm)
    return replace(trained, record=replace(trained.record, arm=name))
