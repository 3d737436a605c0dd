"""What of a record is told, and what the rest would take, in words for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from study.analyses.sufficiency.verdicts import UNTOLD
from study.words.phrases import counted, rough
from study.words.phrases import margin as margin_words


@dataclass(frozen=True)
class Question:
    """One question of the record: a rank, a margin (points), and the row that answers it."""

    rank: int
    margin: float
    row: Mapping[str, Any]

    @property
    def told(self) -> bool:
        """Whether it has an answer."""
        return bool(self.row["verdict"] != UNTOLD)


def questions(record: Mapping[str, Any]) -> list[Question]:
    """Return what `metrics/sufficient_rank.json` asks: of every rank, at every margin."""
    return [
        Question(row["rank"], at["margin"], row)
        for at in record["equivalence"]
        for row in at["ranks"]
    ]


def lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Say how many questions are told, of the recommended rank which, and what is open."""
    asked = questions(record)
    told = sum(question.told for question in asked)
    yield (
        f"{counted(record['seeds'], 'seed')}, {counted(record['sentences'], 'test sentence')}: "
        f"{told} of {len(asked)} verdicts told"
    )
    rank, answer = record["recommended"]["rank"], record["answer"]
    if answer is not None:
        said = [f"{row['verdict']} at {margin_words(row['margin'])}" for row in answer["margins"]]
        yield f"recommended: rank {rank}; against full fine-tuning: {', '.join(said)}"
    for margin in dict.fromkeys(question.margin for question in asked):
        here = [one for one in asked if one.margin == margin and not one.told]
        if here:
            yield f"open at {margin_words(margin)}: {'; '.join(map(_open, here))}"


def _open(question: Question) -> str:
    """Say what a question would take if the measured difference were the true one."""
    seeds = question.row["seeds_if_as_measured"]
    if seeds is None:
        return f"rank {question.rank} (more test sentences, not seeds)"
    return f"rank {question.rank} (about {counted(rough(seeds), 'seed')})"
