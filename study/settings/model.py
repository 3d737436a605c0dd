"""Section `model`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Dropout, Text
from study.entry.sections import Section


@dataclass(frozen=True)
class ModelSettings:
    """The pretrained encoder.

    Attributes:
        name: hub id, local folder, or package:PACKAGE/path/inside (see `study.sources.resolve`).
        dropout: hidden and attention dropout while training.
    """

    name: Text
    dropout: Dropout


MODEL = Section("model", ModelSettings)
