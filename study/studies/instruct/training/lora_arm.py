"""LoRA at one rank of a causal language model: its runs, and the adapter that is kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Generator, nn
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import Adapter
from lora.inject import inject
from study.arms import arm as arms
from study.arms import lora
from study.arms.lora import LoraArm, Pack
from study.arms.rank import adapters_of
from study.models.causal import PackedCausalLM, load_causal_for
from study.records.arm_names import LORA
from study.records.prepared import Prepared
from study.studies.instruct.training.operations import FROZEN, epoch_operations
from study.studies.instruct.training.records import TunedRecord
from study.studies.instruct.training.search import decisive, searched
from study.training.checkpoints import Checkpoints
from study.training.machine import device

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


@dataclass(frozen=True, eq=False)
class CausalLoraArm(LoraArm):
    """LoRA in a causal language model, as work for an executor."""

    pack: ClassVar[Pack] = PackedCausalLM
    task_type: ClassVar[str] = "CAUSAL_LM"

    def load(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load the settings' model with its output layer."""
        model, used = self.settings.model, device(self.settings.train)
        return load_causal_for(self.data, model.name, dtype, model.dropout, used)


@dataclass(frozen=True)
class TunedRank:
    """What training one rank gave.

    Attributes:
        record: of all runs.
        seed, adapter: of the first seed, at the learning rate that validation picked.
        checkpoints: to be discarded once the results are written.
    """

    record: TunedRecord
    seed: int
    adapter: Adapter
    checkpoints: Checkpoints

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in PEFT's format, under s{seed}/."""
        peft_format.save(self.adapter, folder / f"s{self.seed}")


def train_rank(settings: InstructSettings, data: Prepared, rank: int, stage: str) -> TunedRank:
    """Train LoRA at one rank on the response tokens of the pairs.

    Args:
        stage: names the checkpoints.

    Raises:
        StudyError: the executor is not to be had, the adapter does not fit the model, or a run's
            loss was not finite.
    """
    config = lora.config_of(settings.lora, rank, settings.model.name, CausalLoraArm.task_type)
    arm = CausalLoraArm(settings, data, config)
    size = lora.size(arm.model, config, PackedCausalLM)
    whole = (*decisive(settings), config, settings.lora.loraplus_ratio)
    checkpoints = Checkpoints(stage, whole, data)
    rates = lora.rates_of(settings.lora, config, arm.model.config)
    fit = arms.runs_that_fit(arm.model.config, data, settings.train)
    found = searched(f"lora r={rank}", (LORA, rank), rates, settings, fit, arm, checkpoints)

    def adapted(decoder: nn.Module) -> None:
        inject(decoder, config, Generator())
        for name, parameter in decoder.named_parameters():
            parameter.requires_grad_(name.endswith((".lora_A", ".lora_B")))

    record = found.record(
        *(settings.train, data, size.trainable, size.total),
        epoch_operations(arm.model, data.train, adapted, FROZEN),
    )
    seed = settings.seeds[0]
    adapters = adapters_of(arm, [found.of(seed)])
    return TunedRank(record, seed, adapters[seed], checkpoints)
