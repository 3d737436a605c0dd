"""One rank of the study: every seed and learning rate trained, the adapters of the picked rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lora import peft_format
from lora.adapter import Adapter
from study.arms import arm as arms
from study.arms import early_exit, lora
from study.arms.arm import Size
from study.arms.lora import LoraArm
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.loop import RunResult

if TYPE_CHECKING:
    from study.settings.sweep import SweepSettings
    from study.settings.whole import Settings


@dataclass(frozen=True)
class TrainedRank:
    """What training one rank gave.

    Attributes:
        record: of all runs.
        picked: the results at the learning rate that validation picked, in order of seed.
        adapters: theirs, with the head, by seed.
        checkpoints: to be discarded once the results are written.
    """

    record: ArmRecord
    picked: list[RunResult]
    adapters: dict[int, Adapter]
    checkpoints: Checkpoints

    def save_adapters(self, folder: Path) -> None:
        """Write each seed's adapter in PEFT's format, under s{seed}/."""
        for seed, adapter in self.adapters.items():
            peft_format.save(adapter, folder / f"s{seed}")


def train_rank(
    settings: Settings,
    data: Prepared,
    rank: int,
    stage: str,
    arm_of: type[LoraArm] = LoraArm,
) -> TrainedRank:
    """Train LoRA at one rank.

    Args:
        stage: names the checkpoints.
        arm_of: what trains it; another class may load another base.

    Raises:
        StudyError: as `run_rank`.
    """
    arm, size, results, checkpoints = run_rank(settings, data, rank, stage, arm_of)
    record = arms.record(results, data, size, early_exit.of(settings.train, data))
    picked = arms.picked(results, record)
    return TrainedRank(record, picked, adapters_of(arm, picked), checkpoints)


def run_rank(
    settings: SweepSettings, data: Prepared, rank: int, stage: str, arm_of: type[LoraArm]
) -> tuple[LoraArm, Size, list[RunResult], Checkpoints]:
    """Run every seed and learning rate of one rank.

    Args:
        stage: names the checkpoints.
        arm_of: what trains it.

    Returns:
        what trained, what it trained, the results, and the checkpoints that hold them.

    Raises:
        StudyError: the executor is not to be had, the adapter does not fit the model, or a run's
            loss was not finite.
    """
    executor = executors.choose(settings)
    config = lora.config_of(settings.lora, rank, settings.model.name, arm_of.task_type)
    arm = arm_of(settings, data, config)
    size = lora.size(arm.model, config, arm_of.pack)
    continues = arm_of.task_type == "CAUSAL_LM"
    fit = arms.runs_that_fit(arm.model.config, data, settings.train, continues)
    rates = lora.rates_of(settings.lora, config, arm.model.config)
    groups = arms.plan("lora", rank, rates, settings.seeds, fit)
    decisive = (
        *(settings.model.name, settings.model.dropout, settings.train.decisive()),
        *(config, settings.lora.loraplus_ratio),
    )
    checkpoints = Checkpoints(stage, decisive, data)
    rung = early_exit.of(settings.train, data)
    results = arms.train_groups(f"lora r={rank}", groups, arm, checkpoints, executor, rung)
    return arm, size, results, checkpoints


def adapters_of(arm: LoraArm, results: Sequence[RunResult]) -> dict[int, Adapter]:
    """Return what each run learned as an adapter, by seed."""
    model = arm.model.to(torch.device("cpu"))
    return {r.run.seed: lora.adapter_of(model, arm.config, r.state) for r in results}
