"""The list `seeds`: one run per arm, learning rate and seed."""

from __future__ import annotations

from study.entry.kinds import Seeds
from study.entry.sections import Section

SEEDS = Section("seeds", Seeds)
