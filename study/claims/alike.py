"""Claims that ranks do alike, tested on paired differences of test accuracy.

"Alike" is within the middle margin of `statistics.margins`; for what the sources call dramatic or
strong the widest one counts. Only ranks of the sweep count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from study.claims.advice import with_ranks
from study.claims.evidence import Study, Test, rank_words
from study.claims.statements import below, within
from study.claims.verdicts import CannotTell, Verdict
from study.words.phrases import counted, margin


def alike_from(rank: int) -> Test:
    """Any two ranks from this one on are alike."""

    def test(study: Study) -> Verdict:
        ranks = [r for r in study.ranks if r >= rank]
        if len(ranks) < 2:
            command = with_ranks(study.ranks, rank, 2 * rank)
            raise CannotTell(f"the sweep has fewer than two ranks from {rank} on: {command}")
        return _band(study, ranks, study.similar)

    return test


def no_dramatic_change(study: Study) -> Verdict:
    """Any two ranks differ by less than the widest margin."""
    return _band(study, study.several_ranks(), study.large)


def band_of(points: float) -> Test:
    """Any two ranks differ by less than so many points."""
    return lambda study: _band(study, study.several_ranks(), points)


def strong_when_tiny(study: Study) -> Verdict:
    """Ranks 1 and 2, where trained, are not beyond the widest margin behind any larger rank."""
    small = [rank for rank in study.ranks if rank <= 2]
    larger = [rank for rank in study.ranks if rank > 2]
    if not small or not larger:
        command = with_ranks(study.ranks, 1, 2, 8)
        raise CannotTell(f"it takes rank 1 or 2 and a larger one in the sweep: {command}")
    return study.every(
        [
            below(
                f"rank {r} minus rank {s}",
                study.gain(study.lora(r), study.lora(s)),
                study.large,
                "points",
            )
            for s in small
            for r in larger
        ],
        f"whether {rank_words(small)} stay less than {margin(study.large)} behind "
        f"{rank_words(larger)} in {study.on_test}",
    )


def falls_are_noise(study: Study) -> Verdict:
    """Where a rank came out below the next smaller one, the fall is surely no large one.

    Refuted if some fall is surely beyond the middle margin.
    """
    gaps = {
        (small, large): study.gain(study.lora(small), study.lora(large))
        for small, large in pairwise(study.several_ranks())
    }
    falls = [f"{small} to {large}" for (small, large), gap in gaps.items() if gap.value > 0]
    if not falls:
        raise CannotTell(
            f"{study.measured} fell from no rank to the next, so there is nothing to explain"
        )
    return study.every(
        [
            below(f"rank {small} minus rank {large}", gap, study.similar, "points")
            for (small, large), gap in gaps.items()
        ],
        f"{study.on_test} fell in {len(falls)} of {len(gaps)} steps from a rank to the next. The "
        f"question is whether every fall is less than {margin(study.similar)}, which is no loss "
        "that matters",
        fell_from=", ".join(falls),
    )


def _band(study: Study, ranks: Sequence[int], points: float) -> Verdict:
    pairs = list(combinations(ranks, 2))
    return study.every(
        [
            one
            for low, high in pairs
            for one in within(
                f"rank {high} minus rank {low}",
                study.gain(study.lora(high), study.lora(low)),
                points,
                "points",
            )
        ],
        f"whether any two of {rank_words(ranks)} ({counted(len(pairs), 'pair')}) lie less than "
        f"{margin(points)} apart in {study.on_test}",
    )
