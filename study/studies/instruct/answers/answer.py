"""The answer in three sentences, as the main study gives it: which rank, how close, whether sure.

Plain text, in which **words** are strong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.records.arm_names import FULL
from study.studies.instruct.answers.needed import needed_words
from study.studies.instruct.answers.questions import name, per_cent
from study.words.phrases import capitalised, counted, listed, share, spelled

Record = Mapping[str, Any]

QUESTIONS = ("Which rank?", "How close to full fine-tuning?", "Can it be trusted?")


def answer(record: Record) -> tuple[str, str, str]:
    """Return one sentence or some to each of `QUESTIONS`, from all_results.json."""
    row = recommended(record)
    return _which(row, record), _how_close(row, record), _how_sure(row, record)


def recommended(record: Record) -> Mapping[str, Any]:
    """Return the row of the rank that validation picks."""
    rank = record["choice"]["rank"]
    return next(row for row in record["ranks"] if row["rank"] == rank)


def _which(row: Mapping[str, Any], record: Record) -> str:
    ranks = [each["rank"] for each in record["ranks"]]
    size = (
        f"It trains {counted(row['trainable_parameters'], 'parameter')}, "
        f"{share(row['trainable_share'])} of the model's"
    )
    if len(ranks) == 1:
        return (
            f"**Rank {ranks[0]}** is the only one that was tried, so no other stands beside it. "
            f"{size}."
        )
    tried = listed(ranks) if len(ranks) == 2 else f"{ranks[0]} to {ranks[-1]}"
    return (
        f"Take **rank {row['rank']}**: of the {spelled(len(ranks))} ranks tried ({tried}) it is "
        f"the smallest that comes within the noise of the best on validation. {size}."
    )


def _how_close(row: Mapping[str, Any], record: Record) -> str:
    over = row["over_full"]
    return (
        f"On the held-out pairs rank {row['rank']} has a perplexity of "
        f"{row['test_perplexity']:.2f} (lower is better), **{apart(-over['gain'])}** "
        f"{record['full']['test_perplexity']:.2f} (interval of the difference: "
        f"{span(-over['joint_high'], -over['joint_low'])}); before tuning it is "
        f"{record['before']['test_perplexity']:.1f}."
    )


def apart(nats: float) -> str:
    """Say where a perplexity stands beside full fine-tuning's, from the difference of losses."""
    value = f"{abs(per_cent(nats)):.1f}"
    if value == "0.0":
        return "level with full fine-tuning's"
    return f"{value} % {'above' if nats > 0 else 'below'} full fine-tuning's"


def span(low: float, high: float) -> str:
    """Say where an interval of such differences lies."""
    ends = [f"{abs(per_cent(end)):.1f} %" for end in (low, high)]
    if high <= 0:
        return f"{ends[1]} to {ends[0]} below"
    if low >= 0:
        return f"{ends[0]} to {ends[1]} above"
    return f"{ends[0]} below to {ends[1]} above"


def _how_sure(row: Mapping[str, Any], record: Record) -> str:
    seeds, pairs = len(record["seeds"]), counted(record["test_pairs"], "held-out pair")
    if seeds == 1:
        lead = f"There is only **one seed**, so nobody knows what another would give. {pairs}"
    else:
        lead = f"**{counted(seeds, 'seed')}** and {pairs}"
    margins: dict[str, list[str]] = {}
    for margin, verdict in row["over_full"]["verdicts"].items():
        margins.setdefault(verdict, []).append(margin)
    untold = margins.pop(UNTOLD, [])
    what = f"rank {row['rank']}"
    few = f"too few to say whether {{}} is within {listed(untold, 'or')} % of full fine-tuning"
    if not margins:
        wide = needed_words(row["over_full"], seeds, record["test_pairs"])
        told = [f"{lead} are {few.format(what)}", f"{wide}, at {untold[-1]} %"]
    else:
        told = [f"{lead} are enough to say that {what} is {_shown(margins)}"]
        told += [f"They are {few.format('it')}"] if untold else []
    return " ".join(f"{sentence}." for sentence in told) + _learning(record)


def _shown(margins: Mapping[str, Sequence[str]]) -> str:
    words = {
        EQUIVALENT: "within {} % of full fine-tuning",
        WORSE: "more than {} % above full fine-tuning's perplexity",
        BETTER: "more than {} % below full fine-tuning's perplexity",
    }
    found = [
        text.format(margins[verdict][0 if verdict == EQUIVALENT else -1])
        for verdict, text in words.items()
        if verdict in margins
    ]
    return listed(found)


def _learning(record: Record) -> str:
    """Say which arms were still learning, if any: what they would come to is not known."""
    rows = {row["rank"] or FULL: row for row in (*record["ranks"], record["full"])}
    still = [name(arm) for arm, row in rows.items() if row["still_learning"]]
    if not still:
        return ""
    were = "was" if len(still) == 1 else "were"
    return (
        f" {capitalised(listed(still))} {were} **still learning** when training ended, so that "
        "more steps may change the comparison (`train.epochs`, `data.train_size`)."
    )
