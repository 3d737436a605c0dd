"""Finds texts that quote one another, so that a split can keep them together.

A data set of phrases holds a sentence and pieces of it: nine in ten of SST-2's training phrases
stand inside another one. With a random split most validation texts would have been read in
training. Texts of whole sentences are hardly touched: nearly all are a family of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MIN_WORDS = 4
"""A shorter piece is common language rather than a quotation ("a good movie")."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def families(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return for every text the smallest index in its family.

    Two texts are of one family if they have the same words, or if the words of one, at least
    `MIN_WORDS`, stand in the other one after another; and so on through third texts. Case and
    punctuation do not count.
    """
    words = [tuple(_WORD.findall(text.casefold())) or (text,) for text in texts]
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def join(i: int, j: int) -> None:
        first, last = sorted((root(i), root(j)))
        parent[last] = first

    first_with: dict[tuple[str, ...], int] = {}
    lengths: dict[tuple[str, ...], set[int]] = {}  # of the texts that start with these words
    for i, text in enumerate(words):
        join(i, first_with.setdefault(text, i))
        if len(text) >= MIN_WORDS:
            lengths.setdefault(text[:MIN_WORDS], set()).add(len(text))
    for i, text in enumerate(words):
        for start in range(len(text) - MIN_WORDS + 1):
            for length in lengths.get(text[start : start + MIN_WORDS], ()):
                if length > len(text) - start:  # it does not fit behind: nothing to cut out
                    continue
                piece = first_with.get(text[start : start + length])
                if piece is not None:
                    join(i, piece)
    return np.array([root(i) for i in range(len(texts))], dtype=np.int64)
