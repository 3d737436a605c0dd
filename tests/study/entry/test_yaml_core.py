"""A params.yaml has one meaning: ours is DVC's."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from study.entry.yaml_core import CoreLoader

WORDS = (
    "1e-4 1.0e-4 .5 .5e3 .5e+3 -3 +7 010 0x1f 0o17 -0o17 +0x1F 0b101 -0b1_0 no off yes y on true "
    "True null ~ 12:30 2020-01 1_000 1__0.5_ ._5 -_1"
)


@pytest.mark.parametrize("word", WORDS.split())
def test_a_plain_word_means_what_it_means_to_dvc(word: str) -> None:
    ours = yaml.load(f"key: {word}", Loader=CoreLoader)["key"]
    theirs = YAML(typ="safe").load(f"key: {word}")["key"]
    assert (ours, type(ours)) == (theirs, type(theirs))


@pytest.mark.parametrize("word", ["-_", "0x_", "-0b__", "+0o_"])
def test_a_number_without_a_digit_is_a_text(word: str) -> None:
    """DVC ends on these with Python's own error; nothing runs then."""
    assert yaml.load(f"key: {word}", Loader=CoreLoader) == {"key": word}
    with pytest.raises(ValueError, match="invalid literal"):
        YAML(typ="safe").load(f"key: {word}")


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
