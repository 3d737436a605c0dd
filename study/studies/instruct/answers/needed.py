"""What it would take to tell what a comparison leaves open, as far as its own runs say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analyses.sufficiency.planning import (
    Components,
    Question,
    seeds_needed,
    sentences_needed,
)
from study.statistics.crossed import Crossed
from study.words.phrases import counted, rough

POWER = 0.8  # the chance of an answer at which seeds and pairs are counted
NOTHING: dict[str, int | None] = {"seeds_needed": None, "pairs_needed": None}


def needed(difference: Crossed, margin: float, alpha: float) -> dict[str, int | None]:
    """Return how many seeds or pairs would show two arms alike that are; None: none would.

    Args:
        margin: in nats; alpha: of each one-sided test.
    """
    parts, question = Components.estimated(difference), Question(margin, alpha, POWER)
    seeds, pairs = difference.num_seeds, difference.num_sentences
    return {
        "seeds_needed": seeds_needed(parts, pairs, question) if seeds > 1 else None,
        "pairs_needed": sentences_needed(parts, seeds, question),
    }


def needed_words(row: Mapping[str, Any], seeds: int, pairs: int) -> str:
    """Say it of arms that in truth do alike, without an end mark."""
    more = row["pairs_needed"]
    if seeds == 1:
        start = "One seed does not show how seeds differ"
        return start if more is None else f"{start}; of pairs alone it takes about {_about(more)}"
    if row["seeds_needed"] is not None:
        return f"If they do alike, about {_about(row['seeds_needed'])} seeds would tell"
    start = f"More seeds on {counted(pairs, 'held-out pair')} would not tell"
    if more is None:
        return start
    return f"{start}; if they do alike, about {_about(more)} pairs with {seeds} seeds would"


def _about(number: int) -> str:
    return f"{rough(number):,}"
