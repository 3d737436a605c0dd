"""What the comparison of arms says to the questions it was made for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.records.arm_names import FULL
from study.studies.instruct.answers.compare import Arm
from study.studies.instruct.answers.needed import needed_words
from study.words.phrases import capitalised, listed, p_words

HOLDS, FAILS = "holds", "does not hold"
NO_MORE, NO_LESS = "no_more", "no_less"  # no better, no worse than another rank by the margin
_CONTRARY = {  # of what is to be shown: what a test rules out or does not
    NO_MORE: "rank {rank} gains over {margin:g} %",
    NO_LESS: "rank {rank} loses over {margin:g} %",
    EQUIVALENT: "they lie over {margin:g} % apart",
}
_SHOWN_BY = {NO_MORE: (BETTER,), NO_LESS: (WORSE,), EQUIVALENT: (BETTER, WORSE)}
TIME = "Does the rank matter to training time?"
LONGER = 0.10  # more operations than this count as a training time that the rank matters to

Row = Mapping[str, Any]
Judged = Mapping[tuple[int, Arm], Row]  # by (rank, smaller rank or full fine-tuning)
Entry = dict[str, Any]


def per_cent(nats: float) -> float:
    """Return a difference of losses as per cent of perplexity."""
    return 100 * math.expm1(nats)


def name(arm: Arm) -> str:
    """Name an arm in a sentence."""
    return "full fine-tuning" if arm == FULL else f"rank {arm}"


def decided(
    judged: Mapping[float, Judged], ask: Callable[[Judged, float], Entry], told_in: str
) -> Entry:
    """Ask at every margin, and return what is said at the least one at which it can be told.

    The intervals that decide hold together for all margins, so that looking at several costs
    nothing. Where it can be told at none, the widest margin's answer stands. `margin` is added.

    Args:
        judged: by margin, ascending; see `questions`.
        told_in: the key of the entry's words, to which the open margins are added.
    """
    entries = [ask(of_margin, margin) | {"margin": margin} for margin, of_margin in judged.items()]
    found = next((entry for entry in entries if entry["verdict"] != UNTOLD), entries[-1])
    open_ = [entry["margin"] for entry in entries if entry["margin"] < found["margin"]]
    if open_ and found["verdict"] != UNTOLD:
        margins = listed([f"{margin:g}" for margin in open_], "or")
        found[told_in] = f"{found[told_in].rstrip('.')}. At {margins} % we cannot say."
    return found


def compared(row: Row, rank: int, other: Arm) -> str:
    """Write which perplexity lies above the other, with the joint interval.

    "rank 8's perplexity is 0.6 % above rank 16's (−0.2 % to 1.4 %)": the worse one comes first, so
    that what one rank gains over another is what the other loses.
    """
    worse, better = name(other), name(rank)
    ends = [row["gain"], row["joint_low"], row["joint_high"]]
    if row["gain"] < 0:
        worse, better = better, worse
        ends = [-row["gain"], -row["joint_high"], -row["joint_low"]]
    value, low, high = (f"{round(per_cent(end), 1) + 0.0:.1f}" for end in ends)
    numbers = f"{value} % above {better}'s ({low} % to {high} %)"
    return f"{worse}'s perplexity is {_minus(numbers, better)}"


def _minus(numbers: str, name: str) -> str:
    """Write negative numbers with a minus sign, and leave the hyphen of a name."""
    return numbers.replace("-", "−").replace(name.replace("-", "−"), name)


def ruled_out(row: Row, what: str, rank: int, margin: float) -> str:
    """Say whether the contrary of what is to be shown is ruled out, with the p value at the end.

    "that rank 32 gains over 1 % is not ruled out (p = 0.07)"
    """
    contrary = _CONTRARY[what].format(rank=rank, margin=margin)
    if row["verdict"] in _SHOWN_BY[what]:
        return contrary
    out = "is ruled out" if shown(what, row) else "is not ruled out"
    return f"that {contrary} {out} ({p_words(row[f'p_{what}'])})"


def shown(what: str, row: Row) -> bool:
    """Say whether this is shown of a rank beside another."""
    return bool(row[what]) if what in (NO_MORE, NO_LESS) else row["verdict"] == what


def questions(
    ranks: Sequence[Row], judged: Mapping[float, Judged], seeds: int, pairs: int
) -> list[Entry]:
    """Answer the questions of the comparison.

    Args:
        ranks: a row each, ascending: `rank`, `trainable_parameters`, `operations`.
        judged: by margin in per cent of perplexity, ascending: every rank against every smaller one
            and full fine-tuning: `verdict`, whether it is shown to gain `no_more` than the other or
            to lose `no_less` (no worse by it), each with its p value, and `gain`, `joint_low`,
            `joint_high` (of the rank over the other, in nats).
        seeds, pairs: how many there are, of pairs those held out.

    Returns:
        `question`, `statement`, its `verdict` and the `answer` of each, and where one decides the
        `margin`.
    """
    there = [row["rank"] for row in ranks]
    return [
        decided(judged, lambda at, margin: _reaches_full(there, at, margin), "answer"),
        decided(judged, lambda at, margin: _diminishing(there, at, margin), "answer"),
        decided(judged, lambda at, margin: _smallest(there, at, margin, seeds, pairs), "answer"),
        proportional(ranks),
        _time(ranks),
    ]


def _entry(question: str, statement: str, verdict: str, answer: str) -> dict[str, Any]:
    return {"question": question, "statement": statement, "verdict": verdict, "answer": answer}


def _one(rank: int) -> str:
    return f"Only rank {rank} was trained; it takes two to compare."


def _reaches_full(ranks: Sequence[int], judged: Judged, margin: float) -> Entry:
    question = "Does LoRA reach full fine-tuning?"
    statement = f"Some rank is within {margin:g} % of full fine-tuning's perplexity, or better"
    rows = {rank: judged[rank, FULL] for rank in ranks}
    reached = [rank for rank, row in rows.items() if row[NO_LESS]]
    if reached:
        rank = reached[0]
        answer = (
            f"Yes, from rank {rank} on: {compared(rows[rank], rank, FULL)}, and "
            f"{ruled_out(rows[rank], NO_LESS, rank, margin)}."
        )
        if len(reached) < len([other for other in ranks if other >= rank]):
            answer = answer.replace(f"from rank {rank} on", f"at rank {listed(reached)}")
        return _entry(question, statement, HOLDS, answer)
    said = ". ".join(capitalised(compared(row, rank, FULL)) for rank, row in rows.items())
    if all(row["verdict"] == WORSE for row in rows.values()):
        answer = f"No: every rank loses over {margin:g} %. {said}."
        return _entry(question, statement, FAILS, answer)
    return _entry(question, statement, UNTOLD, f"We cannot say, even at {margin:g} %. {said}.")


def _diminishing(ranks: Sequence[int], judged: Judged, margin: float) -> dict[str, Any]:
    question = "Is there a point of diminishing returns?"
    statement = f"From some rank on, no larger rank gains more than {margin:g} % of perplexity"
    if len(ranks) < 2:
        return _entry(question, statement, UNTOLD, _one(ranks[0]))
    enough = [
        r for r in ranks[:-1] if all(judged[other, r][NO_MORE] for other in ranks if other > r)
    ]
    whole = compared(judged[ranks[-1], ranks[0]], ranks[-1], ranks[0])
    if enough:
        last = max(row[f"p_{NO_MORE}"] for (_, r), row in judged.items() if r == enough[0])
        none = f"no larger rank gains over {margin:g} % on it ({p_words(last)})"
        if enough[0] == ranks[0]:
            answer = f"Yes, at rank {ranks[0]}, the smallest tried, or below: {none}; {whole}."
        else:
            smaller = [r for r in ranks if r < enough[0]]
            answer = (
                f"Yes, at rank {enough[0]} or below: {none}. {_smaller(smaller, judged, margin)}"
            )
        return _entry(question, statement, HOLDS, answer)
    if all(judged[ranks[-1], r]["verdict"] == BETTER for r in ranks[:-1]):
        answer = f"Not up to rank {ranks[-1]}, which beats every smaller rank by more; {whole}."
        return _entry(question, statement, FAILS, answer)
    answer = f"We cannot say, even at {margin:g} %: {whole}."
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
            f"We cannot say whether rank {rank} is enough: {compared(row, other, rank)}, and "
            f"{ruled_out(row, NO_MORE, other, margin)}."
        )
    return " ".join(parts)


def _smallest(
    ranks: Sequence[int], judged: Judged, margin: float, seeds: int, pairs: int
) -> dict[str, Any]:
    first, last = ranks[0], ranks[-1]
    question = f"Is rank {first} as good as rank {last}?"
    statement = f"Rank {first} is within {margin:g} % of rank {last}'s perplexity, or better"
    if first == last:
        return _entry(question, statement, UNTOLD, _one(first))
    row = judged[last, first]
    gains = f"{compared(row, last, first)}, and {ruled_out(row, NO_MORE, last, margin)}"
    verdict = HOLDS if row[NO_MORE] else FAILS if row["verdict"] == BETTER else UNTOLD
    if verdict == UNTOLD:
        answer = f"We cannot say: {gains}. {needed_words(row, seeds, pairs)}."
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
