"""The study's answer in three sentences: which rank, how close it comes, whether to trust it.

Plain text, in which **words** are strong; the report and the README both begin with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from study.analyses.results.summary import entries
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.phrases import (
    apart,
    counted,
    listed,
    margin,
    percent,
    points,
    rough,
    share,
    spelled,
    tenths,
)

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
        f"Take **rank {rank}**: of the {spelled(len(ranks))} ranks tried, {tried}, it is the "
        f"smallest that is as good as the best on {chosen['split']}, to within one standard error "
        f"of their difference, and {size}."
    )


def _how_close(rank: int, summary: Record, sufficient_rank: Record) -> str:
    arms = entries(summary)
    entry, full, head_only = arms[LORA, rank], arms[FULL, None], arms[HEAD_ONLY, None]
    interval = interval_words(entry["gap_to_full_low"], entry["gap_to_full_high"])
    return (
        f"On the test sentences it scores **{apart(entry['gap_to_full'], 'full fine-tuning')}** "
        f"({100 * summary['confidence']:g} % interval: {interval}), "
        f"{percent(entry['test_accuracy'])} against {percent(full['test_accuracy'])}, where the "
        f"head alone scores {percent(head_only['test_accuracy'])}; "
        f"{_verdicts(rank, sufficient_rank)}."
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
        words.format(margin(found(margins[verdict])))
        for verdict, words, found in (
            (_EQUIVALENT, "within {} of full fine-tuning", min),
            (_WORSE, "more than {} below it", max),
            (_BETTER, "more than {} above it", max),
        )
        if verdict in margins
    ]
    untold = ""
    if _UNTOLD in margins:
        untold = f"cannot tell whether it is within {_margins(margins[_UNTOLD], 'or')}"
    if not shown:
        return f"tests {untold} of that"
    found_it = f"tests show it to be {listed(shown)}"
    return f"{found_it}, and {untold}" if untold else found_it


def _how_sure(rank: int, sufficient_rank: Record) -> str:
    seeds, sentences = int(sufficient_rank["seeds"]), int(sufficient_rank["sentences"])
    of = f"{counted(sentences, 'test sentence')}"
    if seeds == 1:
        first = (
            f"The gap comes from **one seed** and {of}, so that intervals are over sentences alone "
            f"and what another seed would do cannot be told"
        )
    else:
        first = (
            f"The gap comes from **{counted(seeds, 'seed')}** and {of}, and intervals are over both"
        )
    parts = [first, _picks(rank, sufficient_rank), _untold(rank, sufficient_rank)]
    return f"{'; '.join(part for part in parts if part)}."


def _picks(rank: int, sufficient_rank: Record) -> str:
    """Say what the rank was picked on, and how often resamples of it pick it again."""
    shares = {int(key): value for key, value in sufficient_rank["choice"][RULE].items()}
    if len(shares) == 1:
        return ""
    most = max(sorted(shares), key=lambda key: shares[key])
    seeds = "the same seeds and " if sufficient_rank["seeds"] > 1 else ""
    sentences = counted(int(sufficient_rank["validation_sentences"]), "validation sentence")
    same = (
        f"the rank was picked on {seeds}{sentences}, and in resamples of them the same rule picks "
        f"rank {rank} in {shares.get(rank, 0):.0%} of cases"
    )
    other = "" if most == rank else f" and rank {most} most often, in {shares[most]:.0%}"
    return f"{same}{other}".replace("%", " %")


def _untold(rank: int, sufficient_rank: Record) -> str:
    """Say what more seeds would settle of what is open, if the gap is what was measured."""
    rows = {test["margin"]: _row(test, rank) for test in sufficient_rank["equivalence"]}
    still = {width: row for width, row in rows.items() if row["verdict"] == _UNTOLD}
    if not still:
        return "no question put to this rank was left open"
    gap = abs(next(iter(still.values()))["difference"])
    outside = {width: row for width, row in still.items() if gap >= width}
    inside = {width: row for width, row in still.items() if gap < width}
    parts = []
    if outside:
        parts.append(f"no number of seeds would show it to be within {_margins(outside, 'or')}")
    if sufficient_rank["seeds"] == 1:
        parts.append("how many seeds would settle the rest cannot be told from one")
    else:
        parts += [*_shown_worse(outside), *_shown_equivalent(inside)]
    *first, last = parts
    told = f"{', '.join(first)}, and {last}" if first else last
    return f"if the true gap is the {points(gap / 100)} measured, {told}"


def _shown_worse(outside: Mapping[float, Record]) -> list[str]:
    """Say with how many seeds the gap would be told from the widest margin that it may."""
    found = {width: row for width, row in outside.items() if row["seeds_if_as_measured"]}
    if not found:
        return []
    width = max(found)
    side = "below" if found[width]["difference"] < 0 else "above"
    seeds = counted(rough(found[width]["seeds_if_as_measured"]), "seed")
    return [f"about {seeds} would show it to be more than {margin(width)} {side}"]


def _shown_equivalent(inside: Mapping[float, Record]) -> list[str]:
    """Say with how many seeds each margin that is wider than the gap would be shown to be."""
    parts, never = [], []
    for width, row in inside.items():
        seeds = row["seeds_if_as_measured"]
        if seeds is None:
            never.append(width)
        else:
            shown = f"about {counted(rough(seeds), 'seed')} would show it to be within"
            parts.append(f"{shown} {margin(width)}")
    if never:
        shown = f"showing it to be within {_margins(never, 'or')}"
        parts.append(f"{shown} takes more test sentences, however many seeds")
    return parts


def ranks_of(sufficient_rank: Record) -> list[int]:
    """Return the ranks that were compared, ascending."""
    return sorted(int(row["rank"]) for row in sufficient_rank["one_standard_error"]["ranks"])


def _row(test: Record, rank: int) -> Record:
    """Return what a test of equivalence says of a rank."""
    rows: Sequence[Record] = test["ranks"]
    return next(row for row in rows if row["rank"] == rank)


def _margins(widths: Iterable[float], last: str = "and") -> str:
    """Write margins that share their unit: 0.5 or 1 point."""
    *others, widest = sorted(widths)
    return listed([*(f"{width:g}" for width in others), margin(widest)], last)
