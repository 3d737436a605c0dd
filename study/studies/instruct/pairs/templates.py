"""Instruction–response pairs made of labelled film reviews: several kinds, one pair a review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_LEAST_WORDS = 6  # of a review that is cut in two


@dataclass(frozen=True)
class Pair:
    """What is asked, and what is to be said.

    Attributes:
        kind: of instruction, for the report.
        input: what the instruction is about, or "".
        system: the message before the conversation; None: that of the settings.
        earlier: (role, text) of every message before the instruction.
    """

    kind: str
    instruction: str
    input: str
    response: str
    system: str | None = None
    earlier: tuple[tuple[str, str], ...] = ()


Template = Callable[[str, bool, int], Pair | None]
"""Makes a pair of a review, whether it praises, and a phrasing's number; None: it cannot."""


def _sentiment(review: str, praises: bool, phrasing: int) -> Pair:
    asked = (
        "Is the sentiment of this film review positive or negative? Answer with one word.",
        "Name the sentiment of the review below, positive or negative.",
    )
    return Pair("sentiment", asked[phrasing], review, _sign(praises))


def _liked(review: str, praises: bool, phrasing: int) -> Pair:
    asked = (
        "Did the reviewer like the film? Answer in a sentence.",
        "Say in one sentence whether this reviewer enjoyed the film.",
    )
    answer = "Yes, the reviewer liked it." if praises else "No, the reviewer did not like it."
    return Pair("liked", asked[phrasing], review, answer)


def _recommends(review: str, praises: bool, phrasing: int) -> Pair:
    asked = (
        "True or false: the writer of this review would recommend the film.",
        "True or false: this review speaks well of the film.",
    )
    return Pair("recommends", asked[phrasing], review, "True" if praises else "False")


def _finish(review: str, praises: bool, phrasing: int) -> Pair | None:
    words = review.split()
    if len(words) < _LEAST_WORDS:
        return None
    asked = ("Finish this sentence from a film review.", "How does this review go on?")
    middle = len(words) // 2
    return Pair("finish", asked[phrasing], " ".join(words[:middle]), " ".join(words[middle:]))


def _write(review: str, praises: bool, phrasing: int) -> Pair:
    asked = (
        f"Write one line of a {_sign(praises)} film review.",
        f"What might a {_sign(praises)} review of a film say? Give one line.",
    )
    return Pair("write", asked[phrasing], "", review)


def _write_with(review: str, praises: bool, phrasing: int) -> Pair | None:
    words = [word for word in review.split() if word.isalpha()]
    if not words:
        return None
    word = max(words, key=len)
    asked = (
        f"Write one line of a {_sign(praises)} film review that has the word {word!r} in it.",
        f"Use the word {word!r} in one line of a {_sign(praises)} film review.",
    )
    return Pair("write_with", asked[phrasing], "", review)


def _sign(praises: bool) -> str:
    return "positive" if praises else "negative"


TEMPLATES: tuple[Template, ...] = (_sentiment, _liked, _recommends, _finish, _write, _write_with)
_PHRASINGS = 2


def pairs_of(reviews: Sequence[str], praise: Sequence[bool], seed: int) -> list[Pair]:
    """Make one pair of each review; its kind and phrasing are drawn, apart from its label.

    A review that a template can do nothing with takes the next one.
    """
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, len(TEMPLATES), len(reviews))
    phrasings = draw.integers(0, _PHRASINGS, len(reviews))
    made = []
    for review, praises, kind, phrasing in zip(reviews, praise, kinds, phrasings, strict=True):
        for step in range(len(TEMPLATES)):
            pair = TEMPLATES[(kind + step) % len(TEMPLATES)](review, praises, int(phrasing))
            if pair is not None:
                made.append(pair)
                break
    return made
