"""What a row has for a text: one string, or two that the model reads together as a pair.

A pair (premise and hypothesis, question and passage) is one sentence of the study. Each of its two
texts is one that another row may share: rows that do are kept in one split, unless halves of pairs
may repeat.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from study.data.near_duplicates import families

Text: TypeAlias = str | tuple[str, str]


def parts_of(text: Text) -> tuple[str, ...]:
    """Return the one string, or the two."""
    return (text,) if isinstance(text, str) else text


def stripped(text: Text | None) -> Text | None:
    """Return a text without white space around it; None if there is none, or a half of a pair."""
    if text is None or isinstance(text, str):
        return (text or "").strip() or None
    first, second = (part.strip() for part in text)
    return (first, second) if first and second else None


def key_of(text: Text) -> Hashable:
    """Return what two texts have in common that differ only in case and white space."""
    return tuple(normalise(part) for part in parts_of(text))


def normalise(text: str) -> str:
    """Return what two strings have in common that differ only in case and white space."""
    return " ".join(text.casefold().split())


def shown(text: Text, most: int = 60) -> str:
    """Return a text for an error, cut to about so many characters."""
    return " + ".join(repr(part[:most]) for part in parts_of(text))


def columns_words(columns: str | tuple[str, str]) -> str:
    """Return the columns of `data.text` in words."""
    return columns if isinstance(columns, str) else f"pairs of {columns[0]} and {columns[1]}"


def row_families(texts: Sequence[Text], may_repeat: bool = False) -> NDArray[np.int64]:
    """Return for every row the smallest index in its family.

    Two rows are of one family if a text of one is of a family with a text of the other
    (`study.data.near_duplicates.families`), in whichever column; and so on through third rows.
    Where halves of pairs `may_repeat`, two pairs are of one family only if their first texts are of
    one, and so are their second ones.
    """
    if may_repeat:
        columns = [families(column) for column in zip(*map(parts_of, texts), strict=True)]
        _, first, of = np.unique(np.stack(columns), axis=1, return_index=True, return_inverse=True)
        return np.asarray(first[of.ravel()], dtype=np.int64)
    flat = [part for text in texts for part in parts_of(text)]
    return joined(families(flat), [len(parts_of(text)) for text in texts])


def joined(of_parts: NDArray[np.int64], counts: Sequence[int]) -> NDArray[np.int64]:
    """Return for every row the smallest index of those that its parts' families lead to.

    Args:
        of_parts: the family of every part, row after row, each one that has `counts` parts.
    """
    parent = list(range(len(counts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    first_row: dict[int, int] = {}
    rows = np.repeat(np.arange(len(counts)), counts)
    for row, family in zip(rows.tolist(), of_parts.tolist(), strict=True):
        first, last = sorted((root(row), root(first_row.setdefault(family, row))))
        parent[last] = first
    return np.array([root(i) for i in range(len(counts))], dtype=np.int64)
