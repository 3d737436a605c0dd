"""Which pairs belong together, so that none in one split tells of one in another."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.data.near_duplicates import MIN_WORDS, families
from study.studies.instruct.pairs.templates import Pair

_ALONE = "without_input"  # a word that no text has


def families_of(pairs: Sequence[Pair], conversations: Sequence[int]) -> NDArray[np.int64]:
    """Return the family of every pair: of one conversation, or asked in the same words.

    What is asked is all that the user says, up to the answer. Two pairs whose questions quote one
    another are of one family (`study.data.near_duplicates`), and so on through third pairs. An
    instruction that stands alone in one pair and before different inputs in others is no quotation
    in these: it would join them all.

    Args:
        conversations: number of the one that each pair was cut from.
    """
    before_inputs = {_words(pair.instruction) for pair in pairs if pair.input}
    texts = []
    for i, pair in enumerate(pairs):
        text = asked(pair)
        if not pair.input and not pair.earlier and _words(pair.instruction) in before_inputs:
            text = f"{text} {_ALONE}"
        # How a conversation begins is often common language ("hello"), so that its first pairs
        # are known by the conversation alone.
        inner = i + 1 < len(pairs) and conversations[i + 1] == conversations[i]
        if inner and len(_words(text)) < MIN_WORDS:
            text = f"{_ALONE}_{i}"
        texts.append(text)
    return _joined(families(texts), conversations)


def asked(pair: Pair) -> str:
    """Write all that the user says before the response."""
    earlier = [text for role, text in pair.earlier if role == "user"]
    return " ".join([*earlier, f"{pair.instruction} {pair.input}"])


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _joined(family: NDArray[np.int64], conversations: Sequence[int]) -> NDArray[np.int64]:
    """Join families that a conversation has members in; each is named by its smallest."""
    parent = {int(name): int(name) for name in family}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    first: dict[int, int] = {}
    for name, conversation in zip(family.tolist(), conversations, strict=True):
        one, other = sorted((root(name), root(first.setdefault(conversation, name))))
        parent[other] = one
    return np.array([root(name) for name in family.tolist()], dtype=np.int64)
