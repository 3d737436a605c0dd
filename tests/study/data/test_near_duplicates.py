"""Families: texts that quote one another, and only those, stand together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from study.data.near_duplicates import MIN_WORDS, families

texts = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), max_size=12)


def quotes(piece: list[str], text: list[str]) -> bool:
    """Whether a piece stands in a text, tried at every place."""
    n = len(piece)
    return piece == text or (
        n >= MIN_WORDS and any(text[i : i + n] == piece for i in range(len(text)))
    )


@given(texts)
def test_families_are_the_connected_parts_of_who_quotes_whom(texts: list[list[str]]) -> None:
    n = len(texts)
    reached = np.array([[quotes(a, b) or quotes(b, a) for b in texts] for a in texts]).reshape(n, n)
    for _ in range(n):
        reached = reached @ reached
    expected = [int(np.flatnonzero(row)[0]) for row in reached]
    assert families([" ".join(words) for words in texts]).tolist() == expected


def test_a_sentence_and_its_phrases_are_one_family() -> None:
    sentence = "a deep and moving film , one of the year's best ."
    phrases = ["deep and moving film", "One of the year's best!", "a film"]
    others = ["deep and moving films", "one of the year", "a film of its own"]
    found = families([*others, sentence, *phrases]).tolist()
    assert found == [0, 1, 2, 3, 3, 3, 6]


def test_siblings_meet_in_the_sentence_that_holds_both() -> None:
    left, right = "the plot is thin and", "but nobody will mind it"
    assert families([left, right]).tolist() == [0, 1]
    assert families([left, right, f"{left} {right}"]).tolist() == [0, 0, 0]


def test_case_and_punctuation_do_not_tell_texts_apart_but_signs_alone_do() -> None:
    assert families(["Great!", "great", ":)", ":(", ":)"]).tolist() == [0, 0, 2, 3, 2]


def test_one_word_very_often_is_looked_through_once() -> None:
    """Cut out at every place, so many words would be copied for minutes."""
    assert families(["word " * 200_000, "another word"]).tolist() == [0, 1]
