"""All settings of instruction tuning: the parts of the main study's, and its own."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Seeds
from study.settings.lora import LoraSettings
from study.settings.model import MODEL, ModelSettings
from study.settings.ray import RAY, RaySettings
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN, TrainSettings
from study.studies.instruct.settings.compare import COMPARE, CompareSettings
from study.studies.instruct.settings.lora import LORA
from study.studies.instruct.settings.pairs import DATA, PairSettings

SECTIONS = (SEEDS, MODEL, DATA, TRAIN, RAY, LORA, COMPARE)


@dataclass(frozen=True)
class InstructSettings:
    """Everything that can be set; of `lora`, `rank` is the one that others are compared with."""

    seeds: Seeds
    model: ModelSettings
    data: PairSettings
    train: TrainSettings
    ray: RaySettings
    lora: LoraSettings
    compare: CompareSettings
