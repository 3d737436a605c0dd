"""What the ranks' comparison says to the questions and hypotheses it was made for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.words import counted, listed

HOLDS, FAILS = "holds", "does not hold"
_NO_MORE, _NO_LESS = "no_more", "no_less"  # no better, no worse than another rank by the margin
_AGAINST = {
    WORSE: (_NO_LESS,),
    _NO_LESS: (WORSE,),
    _NO_MORE: (BETTER,),
    EQUIVALENT: (BETTER, WORSE),
}
_MIRRORED = {
    BETTER: WORSE,
    WORSE: BETTER,
    EQUIVALENT: EQUIVALENT,
    _NO_MORE: _NO_LESS,
    _NO_LESS: _NO_MORE,
}
LONGER = 0.10  # more operations than this count as a training time that the rank matters to

Row = Mapping[str, Any]
Judged = Mapping[tuple[int, int], Row]  # by (rank, smaller rank)


def per_cent(nats: float) -> float:
    """Return a difference of losses as per cent of perplexity."""
    return 100 * math.expm1(nats)


def of_perplexity(row: Row) -> str:
    """Write a gain and its interval: 0.6 % of perplexity (−0.2 % to 1.4 %)."""
    gain, low, high = (per_cent(row[key]) for key in ("gain", "low", "high"))
    return f"{gain:.1f} % of perplexity ({low:.1f} % to {high:.1f} %)".replace("-", "−")


def questions(
    ranks: Sequence[Row], judged: Judged, margin: float, pairs: int
) -> list[dict[str, Any]]:
    """Answer the four questions of the rank comparison.

    Args:
        ranks: a row each, ascending: `rank`, `trainable_parameters`, `operations`.
        judged: every rank against every smaller one: `verdict` at the margin, whether it is shown
            to gain `no_more` than it or to lose `no_less` (no worse by it), `gain`, `low`, `high`
            (of the larger rank over the smaller, in nats).
        margin: in per cent of perplexity; pairs: held out.

    Returns:
        `question`, `statement`, its `verdict` and the `answer` of each.
    """
    return [
        _diminishing([row["rank"] for row in ranks], judged, margin),
        _smallest([row["rank"] for row in ranks], judged, margin, pairs),
        _parameters(ranks),
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
        r for r in ranks[:-1] if all(judged[other, r]["no_more"] for other in ranks if other > r)
    ]
    last = judged[ranks[-1], ranks[0]]
    whole = f"from rank {ranks[0]} to {ranks[-1]} the gain is {of_perplexity(last)}"
    if enough:
        answer = f"Yes, at rank {enough[0]}: no larger rank gains more than the margin; {whole}."
        return _entry(question, statement, HOLDS, answer)
    if all(judged[ranks[-1], r]["verdict"] == BETTER for r in ranks[:-1]):
        answer = f"Not up to rank {ranks[-1]}, which beats every smaller rank by more; {whole}."
        return _entry(question, statement, FAILS, answer)
    answer = f"Cannot be told at this margin: {whole}."
    return _entry(question, statement, UNTOLD, answer)


def _smallest(ranks: Sequence[int], judged: Judged, margin: float, pairs: int) -> dict[str, Any]:
    first, last = ranks[0], ranks[-1]
    question = f"Is rank {first} as good as rank {last}?"
    statement = f"Rank {first} is within {margin:g} % of rank {last}'s perplexity, or better"
    if first == last:
        return _entry(question, statement, UNTOLD, _one(first))
    row = judged[last, first]
    gains = f"rank {last} gains {of_perplexity(row)}"
    verdict = HOLDS if row["no_more"] else FAILS if row["verdict"] == BETTER else UNTOLD
    if verdict == UNTOLD:
        half = (row["high"] - row["low"]) / 2
        needed = math.ceil(pairs * (half / math.log1p(margin / 100)) ** 2)
        answer = (
            f"Cannot be told: {gains}. An interval as wide as the margin would take about "
            f"{max(needed, pairs):,} held-out pairs, where there are {pairs:,}."
        )
    else:
        answer = f"{'Yes' if verdict == HOLDS else 'No'}: {gains}."
    return _entry(question, statement, verdict, answer)


def _parameters(ranks: Sequence[Row]) -> dict[str, Any]:
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
    question = "Does the rank matter to training time?"
    first, last = ranks[0], ranks[-1]
    statement = (
        f"Rank {last['rank']} takes over {LONGER:.0%} more operations than rank {first['rank']}"
    ).replace("%", " %")
    if len(ranks) < 2:
        return _entry(question, statement, UNTOLD, _one(first["rank"]))
    more = last["operations"] / first["operations"] - 1
    answer = (
        f"{'Yes' if more > LONGER else 'Hardly'}: rank {last['rank']} takes {100 * more:.1f} % "
        f"more operations than rank {first['rank']}, counted; most of a step goes through the "
        "frozen weights."
    )
    return _entry(question, statement, HOLDS if more > LONGER else FAILS, answer)


def hypotheses(ranks: Sequence[Row], judged: Judged, margin: float) -> list[dict[str, Any]]:
    """Judge what was expected of ranks 8, 16, 32 and 64 before the experiment.

    Args: as of `questions`.

    Returns:
        `about`, `expected`, `verdict` and `evidence` of each; where a rank that an expectation
        names was not trained, it cannot be told.
    """
    there = [row["rank"] for row in ranks]
    largest = there[-1]
    others = [rank for rank in there if rank != 32]
    alike = [rank for rank in there if rank >= 16]
    return [
        _judge("Rank 8", "has too little capacity", there, judged, [(8, largest)], WORSE),
        _judge(
            *("Rank 16", "is enough for a simple task", there, judged),
            *([(16, largest)], _NO_LESS),
        ),
        _judge(
            *("Rank 32", "is a safe choice: no other rank is better", there, judged),
            *([(32, rank) for rank in others], _NO_LESS),
        ),
        _judge(
            *("Rank 64", "gains nothing that matters over rank 32", there, judged),
            *([(64, 32)], _NO_MORE),
        ),
        _judge(
            *("Ranks of 16 and more", "do alike", there, judged),
            *([(b, a) for a in alike for b in alike if b > a], EQUIVALENT),
        ),
        _doubling(ranks),
    ]


def _judge(
    about: str,
    expected: str,
    there: Sequence[int],
    judged: Judged,
    pairs: Sequence[tuple[int, int]],
    wanted: str,
) -> dict[str, Any]:
    """Hold an expectation of (rank, other) against what is shown: it is to be so of all pairs."""

    def entry(verdict: str, evidence: str) -> dict[str, Any]:
        return {"about": about, "expected": expected, "verdict": verdict, "evidence": evidence}

    absent = sorted({rank for pair in pairs for rank in pair} - set(there))
    if absent:
        which = "rank" if len(absent) == 1 else "ranks"
        return entry(UNTOLD, f"{which} {listed(absent)} not among those trained")
    pairs = [(rank, other) for rank, other in pairs if rank != other]
    if not pairs:
        return entry(UNTOLD, "no other rank to compare with was trained")
    evidence = "; ".join(
        f"rank {max(pair)} over rank {min(pair)}: {of_perplexity(judged[max(pair), min(pair)])}"
        for pair in pairs
    )
    if all(_shown(wanted, pair, judged) for pair in pairs):
        return entry(HOLDS, evidence)
    if any(_shown(other, pair, judged) for other in _AGAINST[wanted] for pair in pairs):
        return entry(FAILS, evidence)
    return entry(UNTOLD, evidence)


def _shown(what: str, pair: tuple[int, int], judged: Judged) -> bool:
    """Whether a rank is shown to be so beside another, whichever is the larger."""
    rank, other = pair
    if rank < other:
        (rank, other), what = (other, rank), _MIRRORED[what]
    row = judged[rank, other]
    return bool(row[what]) if what in (_NO_MORE, _NO_LESS) else row["verdict"] == what


def _doubling(ranks: Sequence[Row]) -> dict[str, Any]:
    sizes = [
        f"{row['trainable_parameters'] / 1e6:.2f} million at rank {row['rank']}" for row in ranks
    ]
    question = _parameters(ranks)
    return {
        "about": "Parameters",
        "expected": "double with the rank (there 4, 8, 17 and 34 million, of a larger model)",
        "verdict": question["verdict"],
        "evidence": f"{listed(sizes)}, {counted(len(ranks), 'rank')} counted",
    }
