"""The study's answer in three sentences: which rank, how close it comes, whether to trust it.

Plain text, in which **words** are strong; the report and the README both begin with it. How the
rank was picked and what would settle what is open stands in `study.pages.report.settling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from study.analyses.results.summary import entries
from study.records.arm_names import FULL, LORA
from study.words.arms import head_words
from study.words.phrases import (
    apart,
    counted,
    listed,
    margin,
    percent,
    share,
    spelled,
    tenths,
)

Record: TypeAlias = Mapping[str, Any]

QUESTIONS = ("Which rank?", "How close to full fine-tuning?", "Can it be trusted?")
RULE = "one standard error on validation"
_EQUIVALENT, _WORSE, _BETTER, UNTOLD = "equivalent", "worse", "better", "cannot be told"


def answer(summary: Record, sufficient_rank: Record) -> tuple[str, str, str]:
    """Return one sentence to each of `QUESTIONS`.

    Args:
        summary: `metrics/summary.json`.
        sufficient_rank: `metrics/sufficient_rank.json`.
    """
    rank = int(sufficient_rank["recommended"]["rank"])
    return (
        _which(rank, summary, sufficient_rank),
        _how_close(rank, summary),
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
        f"Take **rank {rank}**: of the {spelled(len(ranks))} ranks tried ({tried}) it is the "
        f"smallest that is as good as the best on {chosen['split']}, within the noise, and {size}."
    )


def _how_close(rank: int, summary: Record) -> str:
    arms = entries(summary)
    entry, full, head = arms[LORA, rank], arms[FULL, None], arms[summary["head_alone"], None]
    which = head_words(summary["head_alone"], head.get("state"))
    interval = interval_words(entry["gap_to_full_low"], entry["gap_to_full_high"])
    return (
        f"On the test sentences rank {rank} scores {percent(entry['test_accuracy'])}, "
        f"**{apart(entry['gap_to_full'], 'full fine-tuning')}** at "
        f"{percent(full['test_accuracy'])} ({100 * summary['confidence']:g} % interval of the gap: "
        f"{interval}); the best head alone ({which}) gives {percent(head['test_accuracy'])}."
    )


def interval_words(low: float, high: float) -> str:
    """Say where the interval of a gap to full fine-tuning lies, gaps being fractions."""
    if high <= 0:
        return f"{tenths(high)} to {tenths(low)} below"
    if low >= 0:
        return f"{tenths(low)} to {tenths(high)} above"
    return f"{tenths(low)} below to {tenths(high)} above"


def _how_sure(rank: int, sufficient_rank: Record) -> str:
    seeds, sentences = int(sufficient_rank["seeds"]), int(sufficient_rank["sentences"])
    of = counted(sentences, "test sentence")
    told = _told(rank, sufficient_rank)
    if seeds == 1:
        are = "is" if sentences == 1 else "are"
        first = (
            "There is only **one seed**, so nobody knows what another would give; "
            f"{of} {are} {told}"
        )
    else:
        first = f"**{counted(seeds, 'seed')}** and {of} are {told}"
    return f"{'; '.join(part for part in (first, _again(rank, sufficient_rank)) if part)}."


def _told(rank: int, sufficient_rank: Record) -> str:
    """Say what the data are enough to say of a rank, and what they are too few to say."""
    margins = by_verdict(rank, sufficient_rank)
    shown = [
        words.format(margin(found(margins[verdict])))
        for verdict, words, found in (
            (_EQUIVALENT, "within {} of full fine-tuning", min),
            (_WORSE, "more than {} below it", max),
            (_BETTER, "more than {} above it", max),
        )
        if verdict in margins
    ]
    if _EQUIVALENT not in margins:
        shown = [each.replace(" it", " full fine-tuning") for each in shown]
    parts = [f"enough to say that rank {rank} is {listed(shown)}"] if shown else []
    if UNTOLD in margins:
        which = "it is" if shown else f"rank {rank} is"
        within = margins_in_words(margins[UNTOLD], "or")
        of = "" if shown else " of full fine-tuning"
        parts.append(f"too few to say whether {which} within {within}{of}")
    return ", but ".join(parts)


def by_verdict(rank: int, sufficient_rank: Record) -> dict[str, list[float]]:
    """Return the margins at which a rank has each verdict."""
    margins: dict[str, list[float]] = {}
    for test in sufficient_rank["equivalence"]:
        margins.setdefault(row_of(test, rank)["verdict"], []).append(test["margin"])
    return margins


def shares_of(sufficient_rank: Record) -> dict[int, float]:
    """Return in which share of resamples the rule picks each rank."""
    return {int(key): value for key, value in sufficient_rank["choice"][RULE].items()}


def _again(rank: int, sufficient_rank: Record) -> str:
    """Say how often the same rule would have picked the rank from other data of this kind."""
    shares = shares_of(sufficient_rank)
    if len(shares) == 1:
        return ""
    most = max(sorted(shares), key=lambda key: shares[key])
    other = "" if most == rank else f" and rank {most} most often, in {shares[most]:.0%}"
    drawn = "seeds and sentences" if sufficient_rank["seeds"] > 1 else "sentences"
    same = (
        f"with other {drawn} to validate on, we would have picked rank {rank} in "
        f"{shares.get(rank, 0):.0%} of cases"
    )
    return f"{same}{other}".replace("%", " %")


def ranks_of(sufficient_rank: Record) -> list[int]:
    """Return the ranks that were compared, ascending."""
    return sorted(int(row["rank"]) for row in sufficient_rank["one_standard_error"]["ranks"])


def row_of(test: Record, rank: int) -> Record:
    """Return what a test of equivalence says of a rank."""
    rows: Sequence[Record] = test["ranks"]
    return next(row for row in rows if row["rank"] == rank)


def margins_in_words(widths: Iterable[float], last: str = "and") -> str:
    """Write margins that share their unit: 0.5 or 1 point."""
    *others, widest = sorted(widths)
    return listed([*(f"{width:g}" for width in others), margin(widest)], last)
