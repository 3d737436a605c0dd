"""What the ranks' comparison says to the four questions it was made for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD
from study.words.phrases import p_words

HOLDS, FAILS = "holds", "does not hold"
NO_MORE, NO_LESS = "no_more", "no_less"  # no better, no worse than another rank by the margin
_CLAIMED = {
    NO_MORE: "gains no more than {margin:g} %",
    NO_LESS: "loses no more than {margin:g} %",
    EQUIVALENT: "is within {margin:g} %",
}
TIME = "Does the rank matter to training time?"
LONGER = 0.10  # more operations than this count as a training time that the rank matters to

Row = Mapping[str, Any]
Judged = Mapping[tuple[int, int], Row]  # by (rank, smaller rank)


def per_cent(nats: float) -> float:
    """Return a difference of losses as per cent of perplexity."""
    return 100 * math.expm1(nats)


def gained(row: Row) -> str:
    """Write a gain or a loss with its joint interval: loses 0.6 % of perplexity (−0.2 % to 1.4 %).

    In per cent by which the worse perplexity lies above the better one, so that what one rank gains
    over another is what the other loses.
    """
    ends = [row["gain"], row["joint_low"], row["joint_high"]]
    verb = "gains"
    if row["gain"] < 0:
        verb, ends = "loses", [-row["gain"], -row["joint_high"], -row["joint_low"]]
    value, low, high = (f"{round(per_cent(end), 1) + 0.0:.1f}" for end in ends)
    return f"{verb} {value} % of perplexity ({low} % to {high} %)".replace("-", "−")


def with_p(row: Row, what: str, margin: float) -> str:
    """Write the p value of what is to be shown of a rank: gains no more than 1 %: p = 0.02."""
    return f"{_CLAIMED[what].format(margin=margin)}: {p_words(row[f'p_{what}'])}"


def questions(
    ranks: Sequence[Row], judged: Judged, margin: float, pairs: int
) -> list[dict[str, Any]]:
    """Answer the four questions of the rank comparison.

    Args:
        ranks: a row each, ascending: `rank`, `trainable_parameters`, `operations`.
        judged: every rank against every smaller one: `verdict` at the margin, whether it is shown
            to gain `no_more` than it or to lose `no_less` (no worse by it), each with its p value,
            and `gain`, `joint_low`, `joint_high` (of the larger rank over the smaller, in nats).
        margin: in per cent of perplexity; pairs: held out.

    Returns:
        `question`, `statement`, its `verdict` and the `answer` of each.
    """
    return [
        _diminishing([row["rank"] for row in ranks], judged, margin),
        _smallest([row["rank"] for row in ranks], judged, margin, pairs),
        proportional(ranks),
        _time(ranks),
    ]


def _entry(question: str, statement: str, verdict: str, answer: str) -> dict[str, Any]:
    return {"question": question, "statement": statement, "verdict": verdict, "answer": answer}


def _one(rank: int) -> str:
    return f"Only rank {rank} was trained; it takes two to compare."


def _diminishing(ranks: Sequence[int], judged: Judged, margin: float) -> dict[str, Any]:
    question = "Is there a point of diminishing returns?"
    statement = f"From some rank on, no larger rank gains more than {margin:g} % of perplexity"
    if len(ranks) < 2:
        return _entry(question, statement, UNTOLD, _one(ranks[0]))
    enough = [
        r for r in ranks[:-1] if all(judged[other, r][NO_MORE] for other in ranks if other > r)
    ]
    whole = f"rank {ranks[-1]} {gained(judged[ranks[-1], ranks[0]])} over rank {ranks[0]}"
    if enough:
        last = max(row[f"p_{NO_MORE}"] for (_, r), row in judged.items() if r == enough[0])
        shown = f"no larger rank gains over {margin:g} % on it ({p_words(last)})"
        if enough[0] == ranks[0]:
            answer = f"Yes, at rank {ranks[0]}, the smallest tried, or below: {shown}; {whole}."
        else:
            smaller = [r for r in ranks if r < enough[0]]
            answer = (
                f"Yes, at rank {enough[0]} or below: {shown}. {_smaller(smaller, judged, margin)}"
            )
        return _entry(question, statement, HOLDS, answer)
    if all(judged[ranks[-1], r]["verdict"] == BETTER for r in ranks[:-1]):
        answer = f"Not up to rank {ranks[-1]}, which beats every smaller rank by more; {whole}."
        return _entry(question, statement, FAILS, answer)
    answer = f"Cannot be told at this margin: {whole}."
    return _entry(question, statement, UNTOLD, answer)


def _smaller(ranks: Sequence[int], judged: Judged, margin: float) -> str:
    """Say of ranks that are not shown to be enough whether they are shown not to be."""
    parts = []
    for rank in ranks:
        over = {pair: row for pair, row in judged.items() if pair[1] == rank}
        if any(row["verdict"] == BETTER for row in over.values()):
            parts.append(f"Rank {rank} is not: a larger one gains over {margin:g} %.")
            continue
        (other, _), row = max(over.items(), key=lambda item: item[1][f"p_{NO_MORE}"])
        parts.append(
            f"Whether rank {rank} is such a rank cannot be told: rank {other} {gained(row)} over "
            f"it, {with_p(row, NO_MORE, margin)}."
        )
    return " ".join(parts)


def _smallest(ranks: Sequence[int], judged: Judged, margin: float, pairs: int) -> dict[str, Any]:
    first, last = ranks[0], ranks[-1]
    question = f"Is rank {first} as good as rank {last}?"
    statement = f"Rank {first} is within {margin:g} % of rank {last}'s perplexity, or better"
    if first == last:
        return _entry(question, statement, UNTOLD, _one(first))
    row = judged[last, first]
    gains = f"rank {last} {gained(row)} over rank {first}, {with_p(row, NO_MORE, margin)}"
    verdict = HOLDS if row[NO_MORE] else FAILS if row["verdict"] == BETTER else UNTOLD
    if verdict == UNTOLD:
        half = (row["joint_high"] - row["joint_low"]) / 2
        needed = math.ceil(pairs * (half / math.log1p(margin / 100)) ** 2)
        answer = (
            f"Cannot be told: {gains}. An interval as wide as the margin would take about "
            f"{max(needed, pairs):,} held-out pairs, where there are {pairs:,}."
        )
    else:
        answer = f"{'Yes' if verdict == HOLDS else 'No'}: {gains}."
    return _entry(question, statement, verdict, answer)


def proportional(ranks: Sequence[Row]) -> dict[str, Any]:
    """Answer how the number of trained parameters grows."""
    question = "How does the number of parameters grow with the rank?"
    statement = "Trained parameters are proportional to the rank"
    each = sorted({row["trainable_parameters"] / row["rank"] for row in ranks})
    if len(ranks) < 2:
        return _entry(question, statement, UNTOLD, _one(ranks[0]["rank"]))
    if len(each) == 1:
        answer = f"Linearly: {each[0]:,.0f} for each rank, counted, without any constant part."
        return _entry(question, statement, HOLDS, answer)
    answer = f"Not in proportion: between {each[0]:,.1f} and {each[-1]:,.1f} for each rank."
    return _entry(question, statement, FAILS, answer)


def _time(ranks: Sequence[Row]) -> dict[str, Any]:
    first, last = ranks[0], ranks[-1]
    statement = (
        f"Rank {last['rank']} takes over {LONGER:.0%} more operations than rank {first['rank']}"
    ).replace("%", " %")
    if len(ranks) < 2:
        return _entry(TIME, statement, UNTOLD, _one(first["rank"]))
    more = last["operations"] / first["operations"] - 1
    answer = (
        f"{'Yes' if more > LONGER else 'Hardly'}: rank {last['rank']} takes {100 * more:.1f} % "
        f"more operations than rank {first['rank']}, counted; most of a step goes through the "
        "frozen weights."
    )
    return _entry(TIME, statement, HOLDS if more > LONGER else FAILS, answer)
