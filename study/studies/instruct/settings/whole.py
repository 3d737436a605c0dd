"""All settings of instruction tuning: the parts of the main study's, and its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from study.entry import sections
from study.entry.kinds import Seeds
from study.entry.yaml_core import read_yaml
from study.settings.full import FULL, FullSettings
from study.settings.lora import LoraSettings
from study.settings.model import MODEL, ModelSettings
from study.settings.ray import RAY, RaySettings
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN, TrainSettings
from study.studies.instruct.settings.compare import COMPARE, CompareSettings
from study.studies.instruct.settings.generation import GENERATION, GenerationSettings
from study.studies.instruct.settings.lora import LORA
from study.studies.instruct.settings.pairs import DATA, PairSettings
from study.studies.instruct.settings.search import SEARCH, SearchSettings

SECTIONS = (SEEDS, SEARCH, MODEL, DATA, TRAIN, RAY, LORA, FULL, COMPARE, GENERATION)


@dataclass(frozen=True)
class InstructSettings:
    """Everything that can be set; of `lora`, `rank` is one of the sweep."""

    seeds: Seeds
    search: SearchSettings
    model: ModelSettings
    data: PairSettings
    train: TrainSettings
    ray: RaySettings
    lora: LoraSettings
    full: FullSettings
    compare: CompareSettings
    generation: GenerationSettings


def load(path: str | Path = sections.PARAMS) -> InstructSettings:
    """Read and check the settings.

    Raises:
        StudyError: the file cannot be read, or settings are unknown, missing or wrong; every one
            of them is named with its dotted key, its value and what is allowed.
    """
    return InstructSettings(**sections.read(SECTIONS, read_yaml(path), str(path)))
