"""All settings of the main study, parsed and checked once into one frozen, typed object.

`params.yaml` is the one place with values: there are no defaults here, so that what DVC tracks and
what the study runs with cannot differ. Each field carries the rule it is held to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from study.entry import parser, sections
from study.entry.kinds import Blocks, Seeds
from study.entry.yaml_core import read_yaml
from study.settings.capacity import CAPACITY, CapacitySettings
from study.settings.cost import COST, CostSettings
from study.settings.data import DATA, DataSettings
from study.settings.full import FULL, FullSettings
from study.settings.head_only import HEAD_ONLY, HeadOnlySettings
from study.settings.lora import LORA, LoraSettings
from study.settings.model import MODEL, ModelSettings
from study.settings.ray import RAY, RaySettings
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.select import SELECT, SelectSettings
from study.settings.spectra import SPECTRA, SpectraSettings
from study.settings.statistics import STATISTICS, StatisticsSettings
from study.settings.theory import THEORY, TheorySettings
from study.settings.train import TRAIN, TrainSettings

SECTIONS = (
    BLOCKS,
    SEEDS,
    MODEL,
    DATA,
    TRAIN,
    RAY,
    HEAD_ONLY,
    FULL,
    LORA,
    THEORY,
    STATISTICS,
    SELECT,
    CAPACITY,
    SPECTRA,
    COST,
)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; `seeds` are the first block's, `blocks` the further ones."""

    blocks: Blocks
    seeds: Seeds
    model: ModelSettings
    data: DataSettings
    train: TrainSettings
    ray: RaySettings
    head_only: HeadOnlySettings
    full: FullSettings
    lora: LoraSettings
    theory: TheorySettings
    statistics: StatisticsSettings
    select: SelectSettings
    capacity: CapacitySettings
    spectra: SpectraSettings
    cost: CostSettings


def load(path: str | Path = sections.PARAMS) -> Settings:
    """Read and check the settings.

    Raises:
        StudyError: the file cannot be read, or settings are unknown, missing or wrong; every one
            of them is named with its dotted key, its value and what is allowed.
    """
    return parse(read_yaml(path), str(path))


def parse(raw: object, origin: str = "settings") -> Settings:
    """Turn parsed YAML into settings; `origin` names them in errors.

    Raises:
        StudyError: as `load`.
    """
    return Settings(**sections.read(SECTIONS, raw, origin))


def leaves() -> tuple[str, ...]:
    """Return the dotted key of every setting, in the order of the file."""
    return parser.leaves(Settings)
