"""Blocks of seeds: what a further block trains with, and where each block's results stand.

The first block, 0, tries every learning rate and keeps its models for the analyses. Further ones
train at the rate that it picked and leave records and logits alone (`study.settings.seeds`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.arms.logits_file import write_logits
from study.records.json_file import write_json
from study.records.prepared import Prepared
from study.records.runs import ArmRecord, read_arm
from study.settings.seeds import seeds_of
from study.settings.train import TrainSettings
from study.training.loop import RunResult
from study.training.machine import Machine


@dataclass(frozen=True)
class Place:
    """Where an arm's results stand, from the folder of the study.

    Attributes:
        arm: as files have it, such as lora-r8.
        block: 0 is the first.
    """

    arm: str
    block: int

    @property
    def name(self) -> str:
        """The arm and the block, as files and checkpoints have them."""
        return f"{self.arm}-b{self.block}" if self.block else self.arm

    def chosen(self, settings: Any, section: str) -> Any:
        """Return the settings that the block trains with: its seeds, and the picked rate alone.

        Args:
            settings: with the sections `seeds` and `section`, which has the arm's learning_rates.

        Raises:
            StudyError: the first block's record is missing.
        """
        if not self.block:
            return settings
        rate = read_arm(f"metrics/runs/{self.arm}.json").learning_rate
        own = dataclasses.replace(getattr(settings, section), learning_rates=(rate,))
        seeds = seeds_of(settings.seeds, self.block)
        return dataclasses.replace(settings, seeds=seeds, **{section: own})

    def write(
        self,
        record: ArmRecord,
        picked: Sequence[RunResult],
        data: Prepared,
        machine: Machine,
        train: TrainSettings,
    ) -> None:
        """Write the record, the picked runs' logits, and what machine they were trained on."""
        folder = "metrics/blocks" if self.block else "metrics"
        write_logits(f"{folder}/logits/{self.name}.safetensors", picked, data)
        write_json(f"{folder}/runs/{self.name}.json", record.to_json())
        machine.write(f"metrics/machine/{self.name}.json", train, executor=train.executor)
