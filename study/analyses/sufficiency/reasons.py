"""A verdict in words, and what it would take to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analyses.sufficiency.verdicts import UNTOLD
from study.words.phrases import counted, p_words
from study.words.phrases import margin as margin_words


def reason(
    row: Mapping[str, Any],
    margin: float,
    num_seeds: int,
    num_sentences: int,
    digits: int = 2,
) -> str:
    """Say why a rank has its verdict; `row` is its row of `equivalence`."""
    if num_sentences < 2:
        return "one test sentence says nothing of others"
    if row["verdict"] != UNTOLD:
        return _shown(row, margin, digits)
    seen = f"we cannot say whether it is within {margin_words(margin)}: measured "
    seen += f"{row['difference']:+.{digits}f} points, standard error "
    seen += f"{row['standard_error']:.{digits}f}"
    return f"{seen}; {_needed(row, num_seeds, num_sentences)}"


def _shown(row: Mapping[str, Any], margin: float, digits: int) -> str:
    p = row[f"p_{row['verdict']}"]
    where = {
        "equivalent": f"within {margin_words(margin)} of full fine-tuning",
        "worse": f"more than {margin_words(margin)} below full fine-tuning",
        "better": f"more than {margin_words(margin)} above full fine-tuning",
    }[row["verdict"]]
    return f"{row['difference']:+.{digits}f} points: {where} ({p_words(p)})"


def _needed(row: Mapping[str, Any], num_seeds: int, num_sentences: int) -> str:
    """Say how many seeds or sentences would show a rank equivalent that is equal in truth."""
    sentences = row["sentences_needed"]
    if num_seeds == 1:
        start = "one seed does not show how seeds differ"
        if sentences is None:
            return start
        return f"{start}; of sentences alone it would take about {_round(sentences)}"
    if row["seeds_needed"] is not None:
        return f"for a truly equal rank about {_round(row['seeds_needed'])} seeds would settle it"
    start = f"more seeds on {counted(num_sentences, 'test sentence')} would not settle it"
    if sentences is None:
        return f"{start}, nor more sentences with {counted(num_seeds, 'seed')}"
    return (
        f"{start}; for a truly equal rank about {_round(sentences)} sentences with "
        f"{counted(num_seeds, 'seed')} would"
    )


def _round(number: int) -> str:
    """Write two figures of a number, rounded up: it is an order of magnitude."""
    unit = 10 ** max(len(str(number)) - 2, 0)
    return f"{-(-number // unit) * unit:,}"
