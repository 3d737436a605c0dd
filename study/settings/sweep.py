"""What training LoRA at one rank asks of any study's settings."""

from __future__ import annotations

from typing import Protocol

from study.settings.lora import LoraSettings
from study.settings.model import ModelSettings
from study.settings.ray import RaySettings
from study.settings.train import TrainSettings


class SweepSettings(Protocol):
    """What training LoRA at one rank asks of any study's settings."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """One run per learning rate and seed."""

    @property
    def model(self) -> ModelSettings:
        """The pretrained model."""

    @property
    def train(self) -> TrainSettings:
        """Optimisation."""

    @property
    def ray(self) -> RaySettings:
        """The cluster, if there is one."""

    @property
    def lora(self) -> LoraSettings:
        """The adapters."""
