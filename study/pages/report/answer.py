"""The study's answer in three sentences: which rank, how close it comes, whether to trust it.

Plain text, in which **words** are strong; the report and the README both begin with it. How the
rank was picked and what would settle what is open stands in `study.pages.report.settling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from study.analyses.results.summary import entries
from study.analyses.sufficiency.foreseen import OUT_OF_REACH
from study.pages.report.intervals import interval_words
from study.pages.report.smaller import smaller
from study.records.arm_names import FULL, LORA
from study.words.arms import head_words
from study.words.phrases import (
    apart,
    counted,
    listed,
    margin,
    share,
    spelled,
)
from study.words.scores import digits, measure_in, shown

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
    rank = recommended(sufficient_rank)
    if rank is None:
        return (
            "**None yet**: no rank of LoRA trained well enough to be recommended.",
            _so_far(summary, sufficient_rank),
            "Not before LoRA has trained.",
        )
    return (
        _which(rank, summary, sufficient_rank),
        _how_close(rank, summary),
        _how_sure(rank, sufficient_rank),
    )


def recommended(sufficient_rank: Record) -> int | None:
    """Return the rank that the study recommends, None if no rank trained."""
    rank = sufficient_rank["recommended"]["rank"]
    return None if rank is None else int(rank)


def _which(rank: int, summary: Record, sufficient_rank: Record) -> str:
    entry = entries(summary)[LORA, rank]
    size = (
        f"It trains {counted(entry['trainable_parameters'], 'parameter')}, "
        f"{share(entry['trainable_share'])} of the model's"
    )
    chosen = sufficient_rank["recommended"]
    ranks = [each for each in ranks_of(sufficient_rank) if each not in chosen["untrained"]]
    if len(ranks) == 1:
        which = "that trained" if chosen["untrained"] else "that was tried"
        return f"**Rank {rank}** is the only one {which}, so no other stands beside it. {size}."
    tried = listed(ranks) if len(ranks) == 2 else f"{ranks[0]} to {ranks[-1]}"
    which = "that trained" if chosen["untrained"] else "tried"
    return (
        f"Take **rank {rank}**: of the {spelled(len(ranks))} ranks {which} ({tried}) it is the "
        f"smallest that comes within the noise of the best on {chosen['split']}. {size}."
        f"{smaller(summary, sufficient_rank)}"
    )


def _so_far(summary: Record, sufficient_rank: Record) -> str:
    arms = entries(summary)
    rank = int(sufficient_rank["recommended"]["of_all"])
    head = arms[summary["head_alone"], None]
    lora, full, alone = (shown(entry) for entry in (arms[LORA, rank], arms[FULL, None], head))
    which = head_words(summary["head_alone"], head.get("state"))
    return (
        f"Not known yet: so far rank {rank} scores {lora} on the test sentences, full fine-tuning "
        f"{full} and the best head alone ({which}) {alone}."
    )


def _how_close(rank: int, summary: Record) -> str:
    arms = entries(summary)
    entry, full, head = arms[LORA, rank], arms[FULL, None], arms[summary["head_alone"], None]
    which = head_words(summary["head_alone"], head.get("state"))
    written = digits(measure_in(summary))
    interval = interval_words(entry["gap_to_full_low"], entry["gap_to_full_high"], written)
    return (
        f"On the test sentences rank {rank} scores {shown(entry)}, "
        f"**{apart(entry['gap_to_full'], 'full fine-tuning', written)}** at "
        f"{shown(full)} ({100 * summary['confidence']:g} % interval of the gap: "
        f"{interval}); the best head alone ({which}) gives {shown(head)}."
    )


def _how_sure(rank: int, sufficient_rank: Record) -> str:
    seeds, sentences = int(sufficient_rank["seeds"]), int(sufficient_rank["sentences"])
    of = counted(sentences, "test sentence")
    if seeds == 1:
        lead = f"There is only **one seed**, so nobody knows what another would give. {of}"
    else:
        lead = f"**{counted(seeds, 'seed')}** and {of}"
    are = "is" if seeds == sentences == 1 else "are"
    told = [f"{lead} {are} {_told(rank, sufficient_rank)}"]
    told += [_too_few(sufficient_rank), _too_far(sufficient_rank), _sharper(sufficient_rank)]
    told += [_again(rank, sufficient_rank)]
    return " ".join(f"{sentence}." for sentence in told if sentence)


def _told(rank: int, sufficient_rank: Record) -> str:
    """Say what the data are enough to say of a rank; if nothing, what they are too few to say."""
    if shown := _shown(sufficient_rank):
        return f"enough to say that rank {rank} {shown}"
    within = margins_in_words(by_verdict(sufficient_rank)[UNTOLD], "or")
    return f"too few to say whether rank {rank} is within {within} of full fine-tuning"


def _sharper(sufficient_rank: Record) -> str:
    """Say what the sharper measure tells of the rank where accuracy leaves a margin open."""
    if "undefined" in sufficient_rank["sharper"]:
        return ""
    accuracy, sharper = (by_verdict(each) for each in (sufficient_rank, sufficient_rank["sharper"]))
    told = {verdict: margins for verdict, margins in sharper.items() if verdict != UNTOLD}
    if all(m not in accuracy.get(UNTOLD, []) for margins in told.values() for m in margins):
        return ""
    return (
        "By the probability that the models give the right class, a sharper measure than right and "
        f"wrong, it {_verdicts_in_words(told)}"
    )


def _shown(sufficient_rank: Record) -> str:
    margins = by_verdict(sufficient_rank)
    told = {verdict: of for verdict, of in margins.items() if verdict != UNTOLD}
    return _verdicts_in_words(told) if told else _side(sufficient_rank)


def _verdicts_in_words(margins: Mapping[str, list[float]]) -> str:
    found = [
        words.format(margin(of_these(margins[verdict])))
        for verdict, words, of_these in (
            (_EQUIVALENT, "within {} of full fine-tuning", min),
            (_WORSE, "more than {} below it", max),
            (_BETTER, "more than {} above it", max),
        )
        if verdict in margins
    ]
    if _EQUIVALENT not in margins:
        found = [each.replace(" it", " full fine-tuning") for each in found]
    return f"is {listed(found)}"


def _too_few(sufficient_rank: Record) -> str:
    """Say what is open beside what was shown, of what could have been."""
    far = out_of_reach(sufficient_rank)
    asked = [m for m in by_verdict(sufficient_rank).get(UNTOLD, []) if m not in far]
    if not asked or not _shown(sufficient_rank):
        return ""
    within = margins_in_words(asked, "or")
    return f"They are too few to say whether it is within {within} of full fine-tuning"


def _side(sufficient_rank: Record) -> str:
    """Say on which side of full fine-tuning the rank is, where its interval holds no 0."""
    low, high = (sufficient_rank["answer"][end] for end in ("low", "high"))
    if low is None or low <= 0 <= high:
        return ""
    return f"scores {'less' if high < 0 else 'more'} than full fine-tuning"


def _too_far(sufficient_rank: Record) -> str:
    """Name what a study of so few seeds and sentences could not have shown, whatever came out."""
    far = out_of_reach(sufficient_rank)
    if not far:
        return ""
    within = margins_in_words(far, "or")
    return f"A study of this size cannot show a rank to be within {within} of full fine-tuning"


def by_verdict(sufficient_rank: Record) -> dict[str, list[float]]:
    """Return the margins at which the recommended rank has each verdict."""
    margins: dict[str, list[float]] = {}
    for row in sufficient_rank["answer"]["margins"]:
        margins.setdefault(row["verdict"], []).append(row["margin"])
    return margins


def out_of_reach(sufficient_rank: Record) -> list[float]:
    """Return the open margins that so few seeds and sentences could hardly have told beforehand."""
    return [
        row["margin"]
        for row in sufficient_rank["answer"]["margins"]
        if row["verdict"] == UNTOLD and row.get("foreseen", 1.0) < OUT_OF_REACH
    ]


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
        f"With other {drawn} to validate on, we would have picked rank {rank} in "
        f"{shares.get(rank, 0):.0%} of cases"
    )
    return f"{same}{other}".replace("%", " %")


def ranks_of(sufficient_rank: Record) -> list[int]:
    """Return the ranks that were compared, ascending."""
    return sorted(int(row["rank"]) for row in sufficient_rank["one_standard_error"]["ranks"])


def margins_in_words(widths: Iterable[float], last: str = "and") -> str:
    """Write margins that share their unit: 0.5 or 1 point."""
    *others, widest = sorted(widths)
    return listed([*(f"{width:g}" for width in others), margin(widest)], last)
