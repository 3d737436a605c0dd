"""What the other studies' settings say of a source of sentences beside the study's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Text, TextOrNull, Where
from study.entry.rules import Rule, words

_ONE = Rule("the name of one column; pairs of texts are for the main study alone", words().read)


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
    text: Annotated[str, _ONE]
    label: TextOrNull
    where: Where
