"""The settings of the pipelines beside the main one, as their files have them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from study.entry import parser
from study.entry.sections import Section
from study.entry.yaml_core import read_yaml
from study.studies.drift.settings import DRIFT
from study.studies.methods.settings import METHODS
from study.studies.placement.settings import PLACEMENT
from study.studies.stacking.settings import STACKING

ROOT = Path(__file__).resolve().parents[2]


def own(section: Section) -> Any:
    """Return what a pipeline's own file of settings holds."""
    return parser.parse(
        section.kind, read_yaml(ROOT / section.file), section.agreements, section.file
    )


def with_companions(chosen: Any) -> Any:
    """Return settings of the main study with those of the companions beside them."""
    rows = {field.name: getattr(chosen, field.name) for field in dataclasses.fields(chosen)}
    rows |= {section.name: own(section) for section in (METHODS, DRIFT, STACKING, PLACEMENT)}
    return dataclasses.make_dataclass("Settings", list(rows), frozen=True)(**rows)
