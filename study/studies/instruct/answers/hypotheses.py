"""What was expected of the ranks before the experiment, held against what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.studies.instruct.answers.questions import (
    FAILS,
    HOLDS,
    NO_LESS,
    NO_MORE,
    Judged,
    Row,
    compared,
    proportional,
    ruled_out,
    shown,
)
from study.words.phrases import capitalised, counted, listed

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


def hypotheses(ranks: Sequence[Row], judged: Judged, margin: float) -> list[dict[str, Any]]:
    """Judge what was expected of ranks 8, 16, 32 and 64 before the experiment.

    Args: as of `study.studies.instruct.answers.questions.questions`.

    Returns:
        `about`, `expected`, `verdict` and `evidence` of each; where a rank that an expectation
        names was not trained, it cannot be told.
    """
    there = [row["rank"] for row in ranks]
    alike = [rank for rank in there if rank >= 16]

    def all_of(about: str, expected: str, pairs: list[tuple[int, int]], wanted: str) -> Any:
        verdict, evidence = _all_of(there, judged, pairs, wanted, margin)
        return {"about": about, "expected": expected, "verdict": verdict, "evidence": evidence}

    return [
        _too_small(there, judged, margin),
        all_of("Rank 16", "is enough for a simple task", _larger(16, there), NO_LESS),
        all_of(
            *("Rank 32", "is a safe choice: no other rank is better"),
            *([(32, rank) for rank in there if rank != 32] or [(32, 32)], NO_LESS),
        ),
        all_of("Rank 64", "gains nothing that matters over rank 32", [(64, 32)], NO_MORE),
        all_of(
            *("Ranks of 16 and more", "do alike"),
            *([(b, a) for a in alike for b in alike if b > a], EQUIVALENT),
        ),
        _doubling(ranks),
    ]


def _larger(rank: int, there: Sequence[int]) -> list[tuple[int, int]]:
    """Pair a rank with every larger one; with itself where there is none."""
    return [(rank, other) for other in there if other > rank] or [(rank, rank)]


def _too_small(there: Sequence[int], judged: Judged, margin: float) -> dict[str, Any]:
    """Rank 8 has too little capacity if any larger rank is better: the contrary of all are not."""
    verdict, evidence = _all_of(there, judged, _larger(8, there), NO_LESS, margin)
    turned = {HOLDS: FAILS, FAILS: HOLDS}.get(verdict, verdict)
    expected = "has too little capacity: some larger rank is better"
    return {"about": "Rank 8", "expected": expected, "verdict": turned, "evidence": evidence}


def _all_of(
    there: Sequence[int],
    judged: Judged,
    pairs: Sequence[tuple[int, int]],
    wanted: str,
    margin: float,
) -> tuple[str, str]:
    """Return verdict and evidence on this: that all (rank, other) are shown to be as wanted."""
    absent = sorted({rank for pair in pairs for rank in pair} - set(there))
    if absent:
        which = "rank" if len(absent) == 1 else "ranks"
        return UNTOLD, f"{which} {listed(absent)} not among those trained"
    turned = [_ordered(pair, wanted) for pair in pairs if pair[0] != pair[1]]
    if not turned:
        return UNTOLD, "no other rank to compare with was trained"
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
