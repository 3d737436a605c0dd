"""What a case is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from study.claims.evidence import Study
from study.claims.verdicts import FAILS, HOLDS, UNTOLD

YES, NO, OPEN = HOLDS, FAILS, UNTOLD


@dataclass(frozen=True)
class Case:
    """A claim's short name, a study, and the verdict it must give there.

    Attributes:
        why: words of its reason; numbers: some of those that it rests on.
    """

    name: str
    verdict: str
    study: Study
    why: str = ""
    numbers: Mapping[str, float | str] = field(default_factory=dict)
