"""What the answer rests on, and what would settle what it leaves open: folded away below it.

Plain text, in which **words** are strong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from study.pages.report.answer import UNTOLD, margins_in_words, recommended, shares_of
from study.words.phrases import capitalised, counted, listed, margin, points, rough
from study.words.scores import digits, measure_in

Record: TypeAlias = Mapping[str, Any]

QUESTION = "How sure is that, and what would settle it?"


def more(sufficient_rank: Record) -> list[str]:
    """Return paragraphs to `QUESTION`: how the rank was picked, and what is open."""
    rank = recommended(sufficient_rank)
    if rank is None:
        return []
    return [
        *_picking(rank, sufficient_rank),
        *_looking(sufficient_rank),
        _settling(rank, sufficient_rank),
        *_going_on(sufficient_rank),
    ]


def _picking(rank: int, sufficient_rank: Record) -> list[str]:
    """Say by which rule the rank was picked, on what, and how the cases were counted."""
    if len(shares_of(sufficient_rank)) == 1:
        return []
    number = int(sufficient_rank["seeds"])
    seeds = f"{counted(number, 'seed')} and " if number > 1 else ""
    sentences = counted(int(sufficient_rank["validation_sentences"]), "validation sentence")
    return [
        f"**How rank {rank} was picked.** We compared the ranks on {seeds}{sentences}, and took "
        "the smallest rank that lies within one standard error of the best one: that is what "
        "“within the noise” means. The test sentences played no part. To see how much of that is "
        "luck, we drew as many again out of these, with repeats, many times over, and picked anew "
        "each time."
    ]


def _looking(sufficient_rank: Record) -> list[str]:
    """Say how often it was looked at while seeds were added, where that was several times."""
    if "looks" not in sufficient_rank:
        return []
    *first, last = sufficient_rank["looks"]
    return [
        f"**How often we looked.** After {listed([*first, last])} seeds. Who looks often finds "
        "something by luck, so each look has to show more than a single one would: the chance of a "
        "wrong verdict at any of them is that of one look. What a look told stands."
    ]


def _settling(rank: int, sufficient_rank: Record) -> str:
    """Say what would settle what is open, if the gap is what was measured."""
    told = sufficient_rank["answer"]
    rows = {row["margin"]: row for row in told["margins"]}
    still = {width: row for width, row in rows.items() if row["verdict"] == UNTOLD}
    if not still:
        return "**What is open.** Nothing that was asked about this rank was left open."
    gap = abs(told["difference"])
    outside = {width: row for width, row in still.items() if gap >= width}
    inside = {width: row for width, row in still.items() if gap < width}
    asked = f"whether rank {rank} is within {margins_in_words(still, 'or')} of full fine-tuning"
    parts = [f"**What is open.** It is not settled {asked}"]
    found = [_not_within(outside)] if outside else []
    if sufficient_rank["seeds"] > 1:
        found += [*_shown_worse(outside, told["difference"]), *_shown_equivalent(inside)]
    if found:
        told_gap = points(gap / 100, digits(measure_in(sufficient_rank)))
        parts.append(f"Suppose that the true gap is the {told_gap} measured")
        parts += [f"Then {found[0]}", *map(capitalised, found[1:])]
    if sufficient_rank["seeds"] == 1:
        parts.append("With one seed nobody can say how many seeds would settle the rest")
    return f"{'. '.join(parts)}."


def _going_on(sufficient_rank: Record) -> list[str]:
    """Say how to go on where more seeds may tell."""
    still = [row for row in sufficient_rank["answer"]["margins"] if row["verdict"] == UNTOLD]
    if not any(row["seeds_if_as_measured"] for row in still):
        return []
    return [
        "**To go on.** `make answer` trains more seeds until it is told, or the budget is spent."
    ]


def _not_within(outside: Mapping[float, Record]) -> str:
    return f"the rank is not within {margins_in_words(outside, 'or')}"


def _shown_worse(outside: Mapping[float, Record], difference: float) -> list[str]:
    """Say with how many seeds the gap would be told from the widest margin that it may."""
    found = {width: row for width, row in outside.items() if row["seeds_if_as_measured"]}
    if not found:
        return []
    width = max(found)
    side = "below" if difference < 0 else "above"
    seeds = counted(rough(found[width]["seeds_if_as_measured"]), "seed")
    return [f"about {seeds} would show that the rank is more than {margin(width)} {side}"]


def _shown_equivalent(inside: Mapping[float, Record]) -> list[str]:
    """Say with how many seeds each margin that is wider than the gap would be shown to be."""
    parts, never = [], []
    for width, row in inside.items():
        seeds = row["seeds_if_as_measured"]
        if seeds is None:
            never.append(width)
        else:
            shown = f"about {counted(rough(seeds), 'seed')} would show that it is within"
            parts.append(f"{shown} {margin(width)}")
    if never:
        within = margins_in_words(never, "or")
        parts.append(
            f"it takes more test sentences to show that it is within {within}; more seeds alone "
            "would not do"
        )
    return parts
