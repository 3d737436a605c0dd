"""Which columns of a source will be looked at, and which setting names each."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = 1000
"""Of the columns that nobody asks for, how many are named: no error shows as many."""


@dataclass(frozen=True)
class Wanted:
    """A column that will be looked at.

    Attributes:
        key: of the setting that names it, for errors; column: its name.
        needed: whether nothing can be read without it.
    """

    key: str
    column: str
    needed: bool = True
