"""Section `data` of instruct/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, CountOrNull, Seed, Text, TextOrNull, Where
from study.entry.rules import one_of
from study.entry.sections import Section


@dataclass(frozen=True)
class PairSettings:
    """The instruction–response pairs, and how they are split.

    Attributes:
        form: reviews (labelled texts, of which pairs are made by templates) or alpaca (columns
            instruction, output and, where there is one, input).
        name: hub id, local folder or file, or package:PACKAGE/path/inside.
        subset: configuration of a hub data set; split: split of a hub data set.
        where: (column, value) pairs; only rows that have these values are read.
        text, label: columns of reviews; positive: the label of a review that praises.
        system: text of the message that goes before each instruction; None: as the model's chat
            template has it.
        train_size, validation_size, test_size: pairs. None: all that are left.
        max_length: tokens of a pair; a longer response is cut off.
        seed: of the split and of the templates.
    """

    form: Annotated[str, one_of("reviews", "alpaca")]
    name: Text
    subset: TextOrNull
    split: Text
    where: Where
    text: Text
    label: Text
    positive: Text
    system: TextOrNull
    train_size: CountOrNull
    validation_size: Count
    test_size: Count
    max_length: Count
    seed: Seed


DATA = Section("data", PairSettings)
