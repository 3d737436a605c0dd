"""What was expected of the ranks before the experiment, held against what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.studies.instruct.answers.questions import (
    FAILS,
    HOLDS,
    NO_LESS,
    NO_MORE,
    Entry,
    Judged,
    Row,
    compared,
    decided,
    proportional,
    ruled_out,
    shown,
)
from study.words.phrases import capitalised, counted, listed

TOO_SMALL = "too small"
_AGAINST = {
    NO_LESS: (WORSE,),
    NO_MORE: (BETTER,),
    EQUIVALENT: (BETTER, WORSE),
}
_MIRRORED = {
    BETTER: WORSE,
    WORSE: BETTER,
    EQUIVALENT: EQUIVALENT,
    NO_MORE: NO_LESS,
    NO_LESS: NO_MORE,
}


EXPECTED = (8, 16, 32, 64)
"""The ranks that something was expected of."""


def hypotheses(ranks: Sequence[Row], judged: Mapping[float, Judged]) -> list[dict[str, Any]]:
    """Judge what was expected of ranks 8, 16, 32 and 64 before the experiment.

    Args: as of `study.studies.instruct.answers.questions.questions`.

    Returns:
        `about`, `expected`, `verdict` and `evidence` of each, and where one decides the `margin`.
        What was expected of ranks that were not trained is not asked.
    """
    there = [row["rank"] for row in ranks]
    alike = [rank for rank in there if rank >= 16]
    asked: list[tuple[str, str, list[tuple[int, int]], str]] = [
        (
            *("Rank 8", "has too little capacity: some larger rank is better"),
            *(_larger(8, there), TOO_SMALL),
        ),
        ("Rank 16", "is enough for a simple task", _larger(16, there), NO_LESS),
        (
            *("Rank 32", "is a safe choice: no other rank is better"),
            *([(32, rank) for rank in there if rank != 32], NO_LESS),
        ),
        ("Rank 64", "gains nothing that matters over rank 32", [(64, 32)], NO_MORE),
        (
            *("Ranks of 16 and more", "do alike"),
            *([(b, a) for a in alike for b in alike if b > a], EQUIVALENT),
        ),
    ]
    found = [
        _judged(about, expected, pairs, wanted, judged)
        for about, expected, pairs, wanted in asked
        if pairs and {rank for pair in pairs for rank in pair} <= set(there)
    ]
    return [*found, _doubling(ranks)]


def _judged(
    about: str,
    expected: str,
    pairs: Sequence[tuple[int, int]],
    wanted: str,
    judged: Mapping[float, Judged],
) -> Entry:
    """Judge a hypothesis at the least margin at which it can be told."""

    def ask(at: Judged, margin: float) -> Entry:
        verdict, evidence = _all_of(at, pairs, NO_LESS if wanted == TOO_SMALL else wanted, margin)
        if wanted == TOO_SMALL:  # if any larger rank is better: the contrary of none being so
            verdict = {HOLDS: FAILS, FAILS: HOLDS}.get(verdict, verdict)
        return {"about": about, "expected": expected, "verdict": verdict, "evidence": evidence}

    return decided(judged, ask, "evidence")


def _larger(rank: int, there: Sequence[int]) -> list[tuple[int, int]]:
    """Pair a rank with every larger one."""
    return [(rank, other) for other in there if other > rank]


def _all_of(
    judged: Judged, pairs: Sequence[tuple[int, int]], wanted: str, margin: float
) -> tuple[str, str]:
    """Return verdict and evidence on this: that all (rank, other) are shown to be as wanted."""
    turned = [_ordered(pair, wanted) for pair in pairs]
    evidence = ". ".join(
        f"{compared(judged[pair], *pair)}; {ruled_out(judged[pair], what, pair[0], margin)}"
        for pair, what in turned
    )
    evidence = capitalised(evidence.replace(". rank", ". Rank"))
    if all(shown(what, judged[pair]) for pair, what in turned):
        return HOLDS, evidence
    if any(shown(other, judged[pair]) for pair, what in turned for other in _AGAINST[what]):
        return FAILS, evidence
    return UNTOLD, evidence


def _ordered(pair: tuple[int, int], wanted: str) -> tuple[tuple[int, int], str]:
    """Put the larger rank first, and turn what is wanted with it."""
    rank, other = pair
    return (pair, wanted) if rank > other else ((other, rank), _MIRRORED[wanted])


def _doubling(ranks: Sequence[Row]) -> dict[str, Any]:
    sizes = [
        f"{row['trainable_parameters'] / 1e6:.2f} million at rank {row['rank']}" for row in ranks
    ]
    return {
        "about": "Parameters",
        "expected": "double with the rank (there 4, 8, 17 and 34 million, of a larger model)",
        "verdict": proportional(ranks)["verdict"],
        "evidence": f"{listed(sizes)}, {counted(len(ranks), 'rank')} counted",
    }
