"""What a case is."""

from __future__ import annotations

from dataclasses import dataclass

from study.claims.evidence import Study
from study.claims.verdicts import FAILS, HOLDS, UNTOLD

YES, NO, OPEN = HOLDS, FAILS, UNTOLD


@dataclass(frozen=True)
class Case:
    """A claim's short name, a study, the verdict it must give there, and a word of the reason."""

    name: str
    verdict: str
    study: Study
    why: str = ""
