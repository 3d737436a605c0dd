"""The settings of drift: drift/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.entry.kinds import Count
from study.entry.sections import Section
from study.settings.source import SourceSettings


@dataclass(frozen=True)
class DriftSettings:
    """How far tuned models are from the pretrained one on general text (`drift/dvc.yaml`).

    Attributes:
        source: of the text; sentences: drawn from it.
    """

    source: SourceSettings
    sentences: Count


DRIFT = Section("drift", DriftSettings, file="drift/params.yaml")

if TYPE_CHECKING:
    from study.settings.whole import Settings

    @dataclass(frozen=True)
    class DriftStudy(Settings):
        """The main study's settings and those of drift."""

        drift: DriftSettings
