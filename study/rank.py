"""One rank of the study: every seed and learning rate trained, the adapters of the picked rate."""

from __future__ import annotations

from pathlib import Path

import torch

from lora import peft_format
from lora.adapter import Adapter
from study import arms, executors, lora_arm
from study.checkpoints import Checkpoints
from study.lora_arm import LoraArm
from study.prepared import Prepared
from study.records import ArmRecord
from study.settings import Settings


def train_rank(
    settings: Settings, data: Prepared, rank: int, stage: str
) -> tuple[ArmRecord, dict[int, Adapter], Checkpoints]:
    """Train LoRA at one rank.

    Args:
        stage: names the checkpoints; discard them once the results are written.

    Returns:
        The record of all runs, the adapter and head of every seed at the picked learning rate, and
        the checkpoints.

    Raises:
        StudyError: the executor is not to be had, the adapter does not fit the model, or a run's
            loss was not finite.
    """
    executor = executors.choose(settings)
    config = lora_arm.config_of(settings.lora, rank, settings.model.name)
    arm = LoraArm(settings, data, config)
    size = lora_arm.size(arm.model, config)
    fit = arms.runs_that_fit(arm.model.config, data, settings.train)
    rates = settings.lora.learning_rates
    groups = arms.plan("lora", rank, rates, settings.seeds, fit)
    decisive = (settings.model.name, settings.model.dropout, settings.train.decisive(), config)
    checkpoints = Checkpoints(stage, decisive, data)
    results = arms.train_groups(f"lora r={rank}", groups, arm, checkpoints, executor)
    record = arms.record(results, data, size, rates)
    model = arm.model.to(torch.device("cpu"))
    adapters = {
        r.run.seed: lora_arm.adapter_of(model, config, r.state)
        for r in results
        if r.run.learning_rate == record.learning_rate
    }
    return record, adapters, checkpoints


def save_adapters(adapters: dict[int, Adapter], folder: Path) -> None:
    """Write each seed's adapter in PEFT's format, under s{seed}/."""
    for seed, adapter in adapters.items():
        peft_format.save(adapter, folder / f"s{seed}")
