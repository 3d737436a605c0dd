"""Section `data` of instruct/params.yaml."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, CountOrNull, OneColumn, Seed, Share, Text, TextOrNull, Where
from study.entry.rules import Refused, Rule, one_of
from study.entry.sections import Section


def _day() -> Rule:
    """A day of the calendar, as text."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Refused
        try:
            return datetime.date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise Refused from error

    return Rule("a day, such as 2025-01-01", read)


@dataclass(frozen=True)
class PairSettings:
    """The instruction–response pairs, and how they are split.

    Attributes:
        form: reviews (labelled texts, of which pairs are made by templates), one of the forms of
            `study.studies.instruct.pairs.forms`, or auto: the one that the columns tell.
        name: hub id, local folder or file, or package:PACKAGE/path/inside.
        subset: configuration of a hub data set; split: split of a hub data set.
        where: (column, value) pairs; only rows that have these values are read.
        text, label: columns of reviews; positive: the label of a review that praises.
        system: text of the message that goes before each instruction, but where a row has its own;
            None: as the model's chat template has it.
        turns: last (a pair of every conversation, with its last answer) or all (of every answer).
        date: that a chat template which asks for today's is told.
        train_size, validation_size, test_size: pairs. None: all that are left.
        max_length: tokens of a pair; a longer response is cut off.
        max_dropped_share: of pairs that cannot be used, up to which they are left out.
        seed: of the split and of the templates.
    """

    form: Annotated[
        str,
        one_of(
            *("reviews", "alpaca", "dolly", "messages", "conversations"),
            *("prompt_completion", "auto"),
        ),
    ]
    name: Text
    subset: TextOrNull
    split: Text
    where: Where
    text: OneColumn
    label: Text
    positive: Text
    system: TextOrNull
    turns: Annotated[str, one_of("last", "all")]
    date: Annotated[str, _day()]
    train_size: CountOrNull
    validation_size: Count
    test_size: Count
    max_length: Count
    max_dropped_share: Share
    seed: Seed


DATA = Section("data", PairSettings)
