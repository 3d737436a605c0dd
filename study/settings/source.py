"""What the other studies' settings say of a source of sentences beside the study's own."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import OneColumn, Text, TextOrNull, Where


@dataclass(frozen=True)
class SourceSettings:
    """Sentences beside the study's own.

    Attributes:
        name, subset, split, text, where: as in `DataSettings`.
        label: column of the class; None where there is none, or it is none of the study's.
    """

    name: Text
    subset: TextOrNull
    split: Text
    text: OneColumn
    label: TextOrNull
    where: Where
