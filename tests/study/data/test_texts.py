"""Texts that are one string or two: which rows share one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from study.data.near_duplicates import families
from study.data.texts import key_of, row_families, shown, stripped

words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)


@given(st.lists(st.tuples(words, words), max_size=8))
def test_rows_are_joined_by_either_text_and_through_third_rows(rows: list[tuple[str, str]]) -> None:
    n = len(rows)
    of_text = families([text for row in rows for text in row]).reshape(n, 2)
    reached = np.array([[bool({*a} & {*b}) for b in of_text.tolist()] for a in of_text.tolist()])
    reached = reached.reshape(n, n)
    for _ in range(n):
        reached = reached @ reached
    expected = [int(np.flatnonzero(row)[0]) for row in reached]
    assert row_families(rows).tolist() == expected


@given(st.lists(words, max_size=8))
def test_rows_of_one_text_are_of_their_texts_families(rows: list[str]) -> None:
    assert row_families(rows).tolist() == families(rows).tolist()


@given(st.lists(st.tuples(words, words), min_size=1, max_size=8))
def test_where_halves_may_repeat_rows_are_joined_by_both_texts(rows: list[tuple[str, str]]) -> None:
    first, second = (families(list(column)).tolist() for column in zip(*rows, strict=True))
    both = list(zip(first, second, strict=True))
    assert row_families(rows, may_repeat=True).tolist() == [both.index(pair) for pair in both]


def test_a_pair_needs_both_texts_and_is_compared_by_both() -> None:
    assert stripped((" a ", "b\n")) == ("a", "b")
    assert stripped(("a", " ")) is stripped(("", "b")) is stripped(" ") is stripped(None) is None
    assert key_of(("A  b", "c")) == key_of(("a b", "C")) != key_of(("c", "a b"))
    assert shown(("a" * 99, "b"), 3) == "'aaa' + 'b'"
