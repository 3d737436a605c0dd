"""Section `select`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Flag
from study.entry.sections import Section


@dataclass(frozen=True)
class SelectSettings:
    """The adapter to take away.

    Attributes:
        force: hand out the rank that the rule picks, even if no rank trained well enough to be
            recommended.
    """

    force: Flag


SELECT = Section("select", SelectSettings)
