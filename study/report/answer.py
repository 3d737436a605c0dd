"""The study's answer in three sentences: which rank, how close it comes, whether to trust it.

Plain text, in which **words** are strong; the report and the README both begin with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from study.labels import FULL, HEAD_ONLY, LORA
from study.summary import entries
from study.words import apart, counted, listed, margin, percent, rough, share, spelled, tenths

Record: TypeAlias = Mapping[str, Any]

QUESTIONS = ("Which rank?", "How close to full fine-tuning?", "Can it be trusted?")
RULE = "one standard error on validation"
_EQUIVALENT, _WORSE, _BETTER, _UNTOLD = "equivalent", "worse", "better", "cannot be told"


def answer(summary: Record, sufficient_rank: Record) -> tuple[str, str, str]:
    """Return one sentence to each of `QUESTIONS`.

    Args:
        summary: `metrics/summary.json`.
        sufficient_rank: `metrics/sufficient_rank.json`.
    """
    rank = int(sufficient_rank["recommended"]["rank"])
    return (
        _which(rank, summary, sufficient_rank),
        _how_close(rank, summary, sufficient_rank),
        _how_sure(rank, sufficient_rank),
    )


def _which(rank: int, summary: Record, sufficient_rank: Record) -> str:
    entry = entries(summary)[LORA, rank]
    size = (
        f"it trains {counted(entry['trainable_parameters'], 'parameter')}, "
        f"{share(entry['trainable_share'])} of the model's"
    )
    ranks = ranks_of(sufficient_rank)
    if len(ranks) == 1:
        return (
            f"**Rank {rank}** is the only one that was tried, so no other stands beside it; {size}."
        )
    chosen = sufficient_rank["recommended"]
    tried = listed(ranks) if len(ranks) == 2 else f"{ranks[0]} to {ranks[-1]}"
    return (
        f"Take **rank {rank}**: of the {spelled(len(ranks))} ranks tried, {tried}, it is "
        f"{chosen['rule']} on {chosen['split']}, and {size}."
    )


def _how_close(rank: int, summary: Record, sufficient_rank: Record) -> str:
    arms = entries(summary)
    entry, full, head_only = arms[LORA, rank], arms[FULL, None], arms[HEAD_ONLY, None]
    other = f"full fine-tuning's {percent(full['test_accuracy'])}"
    interval = interval_words(entry["gap_to_full_low"], entry["gap_to_full_high"])
    return (
        f"On the test sentences it scores {percent(entry['test_accuracy'])}, "
        f"**{apart(entry['gap_to_full'], other)}** "
        f"({100 * summary['confidence']:g} % interval: {interval}), where the head alone scores "
        f"{percent(head_only['test_accuracy'])}; {_verdicts(rank, sufficient_rank)}."
    )


def interval_words(low: float, high: float) -> str:
    """Say where the interval of a gap to full fine-tuning lies, gaps being fractions."""
    if high <= 0:
        return f"{tenths(high)} to {tenths(low)} below"
    if low >= 0:
        return f"{tenths(low)} to {tenths(high)} above"
    return f"{tenths(low)} below to {tenths(high)} above"


def _verdicts(rank: int, sufficient_rank: Record) -> str:
    """Say what the tests of equivalence show of a rank, and where they show nothing."""
    margins: dict[str, list[float]] = {}
    for test in sufficient_rank["equivalence"]:
        margins.setdefault(_row(test, rank)["verdict"], []).append(test["margin"])
    shown = [
        f"{words} {margin(found(margins[verdict]))}"
        for verdict, words, found in (
            (_EQUIVALENT, "equivalent within", min),
            (_WORSE, "worse by more than", max),
            (_BETTER, "better by more than", max),
        )
        if verdict in margins
    ]
    untold = f"within {_or_margins(margins[_UNTOLD])}" if _UNTOLD in margins else ""
    if not shown:
        return f"tests cannot tell whether the two are equivalent {untold}"
    found_it = f"tests show it to be {listed(shown)}"
    return f"{found_it}, and cannot tell {untold}" if untold else found_it


def _how_sure(rank: int, sufficient_rank: Record) -> str:
    seeds, sentences = int(sufficient_rank["seeds"]), int(sufficient_rank["sentences"])
    if seeds == 1:
        first = (
            f"All of it comes from **one seed** and {counted(sentences, 'test sentence')}, so that "
            f"intervals are over sentences alone and what another seed would do cannot be told"
        )
    else:
        first = (
            f"All of it comes from **{counted(seeds, 'seed')}** and "
            f"{counted(sentences, 'test sentence')}, and intervals are over both"
        )
    parts = [first, _picks(rank, sufficient_rank), _untold(rank, sufficient_rank)]
    return f"{'; '.join(part for part in parts if part)}."


def _picks(rank: int, sufficient_rank: Record) -> str:
    """Say how often the rule would pick this rank again."""
    shares = {int(key): value for key, value in sufficient_rank["choice"][RULE].items()}
    if len(shares) == 1:
        return ""
    most = max(sorted(shares), key=lambda key: shares[key])
    same = f"resampled, the same rule picks rank {rank} in {shares.get(rank, 0):.0%} of cases"
    other = "" if most == rank else f" and rank {most} most often, in {shares[most]:.0%}"
    return f"{same}{other}".replace("%", " %")


def _untold(rank: int, sufficient_rank: Record) -> str:
    """Say what would settle the questions that are open."""
    rows = [(test["margin"], _row(test, rank)) for test in sufficient_rank["equivalence"]]
    needed = [
        f"{_needed(row)} at {margin(width)}" for width, row in rows if row["verdict"] == _UNTOLD
    ]
    if not needed:
        return "no question put to this rank was left open"
    return f"if it does equal full fine-tuning, showing that takes {listed(needed)}"


def _needed(row: Record) -> str:
    for key, thing in (("seeds_needed", "seed"), ("sentences_needed", "test sentence")):
        if row[key] is not None:
            return f"about {counted(rough(row[key]), thing)}"
    return "more seeds and more test sentences"


def ranks_of(sufficient_rank: Record) -> list[int]:
    """Return the ranks that were compared, ascending."""
    return sorted(int(row["rank"]) for row in sufficient_rank["one_standard_error"]["ranks"])


def _row(test: Record, rank: int) -> Record:
    """Return what a test of equivalence says of a rank."""
    rows: Sequence[Record] = test["ranks"]
    return next(row for row in rows if row["rank"] == rank)


def _or_margins(widths: Sequence[float]) -> str:
    """Write margins that share their unit: 0.5 or 1 point."""
    *others, last = sorted(widths)
    return listed([*(f"{width:g}" for width in others), margin(last)], "or")
