"""LoRA and its variants as methods of the comparison: one rank, one thing changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from study.arms.lora import LoraArm
from study.arms.rank import TrainedRank, train_rank
from study.records.prepared import Prepared
from study.studies.methods.training.choose import lora_settings, rates
from study.studies.methods.training.quantised import quantise

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


class QLoraArm(LoraArm):
    """LoRA on a base in 4 bit, as work for an executor."""

    @cached_property
    def model(self) -> PreTrainedModel:
        """The frozen base, quantised."""
        model: PreTrainedModel = super().model
        quantise(model)
        return model


class TrainedVariant(TrainedRank):
    """What training a variant gave; the record's arm is the variant's name."""

    def save(self, folder: Path) -> None:
        """Write each seed's adapter in PEFT's format, under s{seed}/."""
        self.save_adapters(folder)


def train_variant(settings: MethodsStudy, data: Prepared, name: str) -> TrainedVariant:
    """Train a variant at every learning rate of its own, all seeds together.

    Raises:
        StudyError: as `train_rank`, or bitsandbytes is not installed and the variant is QLoRA.
    """
    own = lora_settings(name, settings.lora, settings.methods)
    own = replace(own, learning_rates=rates(name, settings.methods))
    variant = replace(settings, lora=own)
    arm = QLoraArm if name == "qlora" else LoraArm
    trained = train_rank(variant, data, own.rank, f"method-{name}", arm)
    record = replace(trained.record, arm=name)
    return TrainedVariant(record, trained.picked, trained.adapters, trained.checkpoints)
