"""Four tasks of the packaged reviews: pairs, ten classes, one class in ten, and a number.

Reviews stand film by film in their file, so that all are shuffled, once and always alike. Each
gives one row at the most: no two rows share a text.
"""

from __future__ import annotations

import csv
import itertools
import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, TypeAlias

Row: TypeAlias = "dict[str, Any]"
GENRES = (
    *("action", "animation", "comedy", "documentary", "drama"),
    *("horror", "musical", "romance", "thriller", "western"),
)
RARE = 10  # of so many sentences one is of the rare class
_WORDS = (6, 15)  # of a sentence, at least and at most
_END = re.compile(r"(?:<br />\s*)+|(?<=[.!?])\s+")
_GENRE = re.compile(rf"\b({'|'.join(GENRES)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Review:
    """A text as it is packaged: of IMDB whole, of Rotten Tomatoes a sentence."""

    text: str
    source: str

    def sentences(self) -> list[str]:
        """Return its sentences that are neither very short nor very long."""
        found = (sentence.strip() for sentence in _END.split(self.text))
        return [s for s in found if _WORDS[0] <= len(s.split()) <= _WORDS[1]]


@dataclass(frozen=True)
class Task:
    """What is asked of the text.

    Attributes:
        words: the same, for people.
        rows: makes endless or all rows of reviews, each with a label and a text or two.
        columns: of the text.
        metric: by which the study picks the epoch; one of which no two epochs have the same.
    """

    name: str
    words: str
    rows: Callable[[Sequence[Review]], Iterator[Row]]
    metric: str
    task: str = "classification"
    columns: tuple[str, ...] = ("text",)


def read(path: Path) -> list[Review]:
    """Read the packaged reviews, shuffled."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        reviews = [Review(row["text"], row["source"]) for row in rows]
    random.Random(0).shuffle(reviews)
    return reviews


def write(path: Path, task: Task, reviews: Sequence[Review], count: int) -> None:
    """Write a task's first rows as a CSV.

    Raises:
        ValueError: there are fewer.
    """
    rows = list(itertools.islice(task.rows(reviews), count))
    if len(rows) < count:
        raise ValueError(f"{task.name}: {len(rows)} rows, not {count}")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=[*task.columns, "label"])
        writer.writeheader()
        writer.writerows(rows)


def _pairs(reviews: Sequence[Review]) -> Iterator[Row]:
    """Two sentences of one review, and in turn two of two."""
    found = (review.sentences()[:2] for review in reviews)
    pairs = (pair for pair in found if len(pair) == 2)
    for (one, other), (first, _), (_, second) in zip(pairs, pairs, pairs, strict=False):
        yield {"first": one, "second": other, "label": 1}
        yield {"first": first, "second": second, "label": 0}


def _genres(reviews: Sequence[Review]) -> Iterator[Row]:
    """Sentences that name one genre, in whose place they get the word «film»; in turn by genre."""
    waiting: dict[str, list[str]] = {genre: [] for genre in GENRES}
    for review in reviews:
        for sentence in review.sentences():
            named = [genre.lower() for genre in _GENRE.findall(sentence)]
            if len(named) == 1:
                waiting[named[0]].append(_GENRE.sub("film", sentence))
                break
        while all(waiting.values()):
            for genre, sentences in waiting.items():
                yield {"text": sentences.pop(), "label": genre}


def _rare(reviews: Sequence[Review]) -> Iterator[Row]:
    """Sentences of Rotten Tomatoes, and in every tenth place one of IMDB."""
    others = (review for review in reviews if review.source == "imdb")
    found = (sentence for review in others for sentence in review.sentences()[:1])
    own = [review.text for review in reviews if review.source == "rotten_tomatoes"]
    for number, text in enumerate(own, 1):
        yield {"text": text, "label": "critic"}
        if number % (RARE - 1) == 0:
            yield {"text": next(found), "label": "viewer"}


def _lengths(reviews: Sequence[Review]) -> Iterator[Row]:
    """Sentences of Rotten Tomatoes and the logarithm of their number of words, standardised."""
    texts = [review.text for review in reviews if review.source == "rotten_tomatoes"]
    logs = [math.log(len(text.split())) for text in texts]
    mean, deviation = fmean(logs), pstdev(logs)
    for text, value in zip(texts, logs, strict=True):
        yield {"text": text, "label": (value - mean) / deviation}


TASKS = (
    Task(
        "pairs", "are two sentences of one review", _pairs, "log_loss", columns=("first", "second")
    ),
    Task("genres", "which of ten genres is spoken of", _genres, "log_loss"),
    Task("rare", "is it a viewer's and no critic's, as one in ten is", _rare, "log_loss"),
    Task("lengths", "how long is it", _lengths, "spearman", "regression"),
)
