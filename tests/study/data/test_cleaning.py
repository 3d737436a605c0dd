"""Cleaning: every row is kept once or counted as dropped once, and labels become classes."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.cleaning import (
    Dropped,
    Label,
    Sentences,
    class_names,
    clean,
    has_label,
    indices,
    label_names,
    without,
)
from study.data.texts import key_of, normalise
from study.entry.errors import StudyError

rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["", " ", "a", "A ", "a  b", "A\tb", "c", "ß", "SS", " d"]),
        st.sampled_from(["0", "1", None]),
    ),
    min_size=1,
)


@given(rows=rows)
def test_every_row_is_kept_or_dropped_for_one_reason(
    rows: list[tuple[str | None, str | None]],
) -> None:
    texts, labels = zip(*rows, strict=True)
    try:
        kept, dropped = clean(texts, labels, "data.label")
    except StudyError:
        keys = [normalise(text) for text, label in rows if text and text.strip() and label]
        assert all(len(labels_of(rows, key)) == 2 for key in keys)
        return
    assert len(kept) + sum(dataclasses.astuple(dropped)) == len(rows)
    assert len({key_of(text) for text in kept.texts}) == len(kept)
    for text, label in zip(kept.texts, kept.labels, strict=True):
        assert isinstance(text, str)
        assert text == text.strip() != ""
        assert labels_of(rows, normalise(text)) == {label}


def labels_of(rows: list[tuple[str | None, str | None]], key: str) -> set[str]:
    return {b for a, b in rows if a and b and normalise(a) == key}


def test_empty_duplicate_and_conflicting_rows_are_counted() -> None:
    texts: list[str | None] = ["good", " Good ", "odd", "ODD", "odd", "bad", "", None, "\t"]
    labels: list[Label] = [1, 1, 1, 0, 0, 0, 1, 1, None]
    texts, labels = [*texts, "fine", "odder", "bad"], [*labels, None, math.nan, " "]
    kept, dropped = clean(texts, labels, "data.label")
    assert kept == Sentences(("good", "bad"), ("1", "0"))
    assert dropped == Dropped(empty=3, duplicate=1, conflicting=3, without_label=3)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        *((none, False) for none in (None, "", " ", math.nan, "nan", "NaN")),
        *((some, True) for some in (0, False, "0", "None", "null", "NA")),
    ],
)
def test_a_label_is_whatever_stands_there_but_nan(value: Label, is_one: bool) -> None:
    assert has_label(value) == is_one


def test_a_pair_with_an_empty_half_is_empty_and_both_halves_make_a_double() -> None:
    texts = [("a", "b"), ("A ", " b"), ("b", "a"), ("a", ""), (" ", "b"), ("a", "c"), ("a", "C")]
    texts = [*texts, ("a", "d")]
    labels: list[Label] = [1, 1, 1, 1, 1, 0, 1, None]
    kept, dropped = clean(texts, labels, "data.label")
    assert kept == Sentences((("a", "b"), ("b", "a")), ("1", "1"))
    assert dropped == Dropped(empty=2, duplicate=1, conflicting=2, without_label=1)
    others = Sentences((("b", "A"), ("b", "b")), ("0", "0"))
    assert without(kept, others) == Sentences((("a", "b"),), ("1",))


def test_sentences_of_others_are_taken_out() -> None:
    ours = Sentences(("a  b", "c", "d"), ("0", "1", "0"))
    assert without(ours, Sentences(("A b", "x"), ("1", "1"))) == Sentences(("c", "d"), ("1", "0"))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1], ["0", "1"]),
        ([1.0, 0.0], ["1", "0"]),
        (["1.0", " 1 ", "-1"], ["1", "1", "-1"]),
        (["007", "7", "0", "00"], ["007", "7", "0", "00"]),
        ([True, False], ["True", "False"]),
        (["4 stars", "0.5"], ["4 stars", "0.5"]),
    ],
)
def test_a_label_has_one_name_however_it_is_written(labels: list[Label], names: list[str]) -> None:
    assert label_names(labels, "data.label") == names


@pytest.mark.parametrize("labels", [[0.5, 1.0], ["3.25", "4"], [1e-3, 2.0]])
def test_measurements_are_no_classes(labels: list[Label]) -> None:
    with pytest.raises(StudyError, match=r"has a fraction.*allowed: two or more classes"):
        label_names(labels, "data.label")


@given(st.permutations(["10", "9", "-1", "0"]))
def test_numbers_stand_by_value_and_names_by_letter(labels: list[str]) -> None:
    texts = tuple("abcd")
    assert class_names(Sentences(texts, tuple(labels)), None, "") == ["-1", "0", "9", "10"]
    named = Sentences(texts, tuple(f"class {label}" for label in labels))
    assert class_names(named, None, "") == sorted(named.labels)


def test_a_declared_order_is_kept_without_classes_that_do_not_occur() -> None:
    sentences = Sentences(("a", "b", "c"), ("good", "bad", "good"))
    assert class_names(sentences, ("good", "fair", "bad"), "") == ["good", "bad"]
    assert indices(sentences, ["good", "bad"], "") == [0, 1, 0]


def test_one_class_is_refused() -> None:
    with pytest.raises(StudyError, match=r"data\.label: every sentence has the label '1'"):
        class_names(Sentences(("a", "b"), ("1", "1")), None, "data.label")


def test_a_label_unseen_in_training_is_refused() -> None:
    with pytest.raises(
        StudyError, match=r"labels 2 do not occur in the training data; allowed: 0, 1"
    ):
        indices(Sentences(("a", "b"), ("1", "2")), ["0", "1"], "data.test_label")


@pytest.mark.parametrize("digits", [400, 1001, 9000])
def test_a_label_of_very_many_digits_is_a_name(digits: int) -> None:
    long = "9" * digits
    names = label_names([long, "2"], "data.label: x")
    assert names == [long, "2"]
    assert sorted(class_names(Sentences(("a", "b"), tuple(names)), None, "x")) == ["2", long]


def test_an_error_shows_the_start_of_a_long_label() -> None:
    with pytest.raises(StudyError) as refused:
        class_names(Sentences(("a",), ("x" * 9000,)), None, "data.label: x")
    assert len(str(refused.value)) < 200
