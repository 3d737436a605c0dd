"""Section `data`."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Count, CountOrNull, Seed, Text, TextOrNull, TwoOrNull, Where
from study.entry.parser import Agreement
from study.entry.sections import Section


@dataclass(frozen=True)
class DataSettings:
    """The sentences, and how they are split.

    Attributes:
        name, test_name: hub id, local folder or file, or package:PACKAGE/path/inside. Without a
            `test_name`, test sentences are cut from the same source as the others.
        subset: configuration of a hub data set; split, test_split: split of a hub data set.
        text, label, test_text, test_label: columns; the test's are the others' unless given.
        where: (column, value) pairs; only rows that have these values are read. `subset` and
            `where` hold for `test_name` too if it is `name`, so another split of the same data.
        train_size, validation_size, test_size: sentences. None: all that are left (train), all
            of `test_name` (test).
        max_length: tokens of a sentence, special ones included; the rest is cut off.
        seed: of the split.
    """

    name: Text
    subset: TextOrNull
    split: Text
    text: Text
    label: Text
    where: Where
    test_name: TextOrNull
    test_split: TextOrNull
    test_text: TextOrNull
    test_label: TextOrNull
    train_size: CountOrNull
    validation_size: Count
    test_size: TwoOrNull
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
        ("data.test_name", "data.name", "data.test_split", "data.split"),
        lambda test, name, test_split, split: test != name or test_split not in (None, split),
        "a test_name other than name, or another test_split of it",
    ),
)


DATA = Section("data", DataSettings, AGREEMENTS)
