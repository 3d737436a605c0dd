"""Section `compare` of instruct/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.rules import number, several
from study.entry.sections import Section


@dataclass(frozen=True)
class CompareSettings:
    """How arms are compared.

    Attributes:
        confidence: of every interval; 1 - confidence is the error rate of all verdicts together.
        margins: per cent of perplexity that would not matter between two arms; the least at which
            a question or hypothesis can be told decides it.
    """

    confidence: Annotated[float, number(above=0, below=1)]
    margins: Annotated[tuple[float, ...], several(number(above=0, below=100))]


COMPARE = Section("compare", CompareSettings)
