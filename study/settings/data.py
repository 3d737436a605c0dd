"""Section `data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from study.entry.kinds import (
    Count,
    CountOrNull,
    Seed,
    Share,
    Text,
    TextOrNull,
    TextOrTwo,
    TextTwoOrNull,
    TwoOrNull,
    Where,
)
from study.entry.parser import Agreement
from study.entry.rules import Refused, Rule, one_of, optional
from study.entry.sections import Section

Halves: TypeAlias = Literal["apart", "may_repeat"]
Labels = tuple[str | int | float | bool, ...]


def _labels() -> Rule:
    """A list of labels, which may be empty; read as a tuple."""

    def read(value: object) -> Labels:
        if not isinstance(value, list):
            raise Refused
        if not all(isinstance(item, str | int | float | bool) for item in value):
            raise Refused
        return tuple(value)

    return Rule("a list of labels, as [-1]", read)


@dataclass(frozen=True)
class DataSettings:
    """The sentences, and how they are split.

    Attributes:
        name, test_name: hub id, local folder or file, or package:PACKAGE/path/inside. Without a
            `test_name`, test sentences are cut from the same source as the others.
        subset: configuration of a hub data set; split, test_split: split of a hub data set.
        task: what is learned of the labels: classes, or a number. It is said and not guessed:
            ratings from 1 to 5 could be either.
        text, label, test_text, test_label: columns; the test's are the others' unless given. Two
            columns of text are pairs, which the model reads as one sentence each.
        pair_halves: whether a text of one pair may also stand in a pair of another split. "apart":
            none does, nor nearly, in whichever column. "may_repeat": no pair of another split is
            alike in both texts, but one of them may be the same, as where all have one hypothesis.
        where: (column, value) pairs; only rows that have these values are read. `subset` and
            `where` hold for `test_name` too if it is `name`, so another split of the same data.
        drop_labels: rows with these labels are left out. None: none are, but a label -1 beside
            labels from 0 up is refused, since it means "no label" in many data sets; an empty
            tuple takes it for a class.
        train_size, validation_size, test_size: sentences. None: all that are left (train), all
            of `test_name` (test).
        max_dropped_share: of rows without text or label, up to which they are left out and counted.
        max_length: tokens of a sentence, special ones included; the rest is cut off.
        seed: of the split.
    """

    name: Text
    subset: TextOrNull
    split: Text
    task: Annotated[str, one_of("classification", "regression")]
    text: TextOrTwo
    pair_halves: Annotated[Halves, one_of("apart", "may_repeat")]
    label: Text
    where: Where
    drop_labels: Annotated[Labels | None, optional(_labels())]
    test_name: TextOrNull
    test_split: TextOrNull
    test_text: TextTwoOrNull
    test_label: TextOrNull
    train_size: CountOrNull
    validation_size: Count
    test_size: TwoOrNull
    max_dropped_share: Share
    max_length: Count
    seed: Seed


AGREEMENTS = (
    Agreement(
        ("data.test_size", "data.test_name"),
        lambda size, name: size is not None or name is not None,
        "null (all of it) only together with a test_name",
    ),
    *(
        Agreement(
            (f"data.{key}", "data.test_name"),
            lambda value, name: value is None or name is not None,
            "a value only together with a test_name",
        )
        for key in ("test_split", "test_text", "test_label")
    ),
    Agreement(
        ("data.pair_halves", "data.text"),
        lambda halves, text: halves == "apart" or isinstance(text, tuple),
        "apart, or with two columns of text may_repeat",
    ),
    Agreement(
        ("data.test_text", "data.text"),
        lambda test, text: test is None or isinstance(test, tuple) == isinstance(text, tuple),
        "as many columns as text has, or null",
    ),
    Agreement(
        ("data.test_name", "data.name", "data.test_split", "data.split"),
        lambda test, name, test_split, split: test != name or test_split not in (None, split),
        "a test_name other than name, or another test_split of it",
    ),
)


DATA = Section("data", DataSettings, AGREEMENTS)
