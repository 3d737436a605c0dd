"""Claims that ranks do alike, tested on paired differences of test accuracy.

"Alike" is within the middle margin of `statistics.margins`; for what the sources call dramatic or
strong the widest one counts. Only ranks of the sweep count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from study.claims.evidence import Study, Test, rank_words
from study.claims.verdicts import CannotTell, Verdict, every
from study.words import margin


def alike_from(rank: int) -> Test:
    """Any two ranks from this one on are alike."""

    def test(study: Study) -> Verdict:
        ranks = [r for r in study.ranks if r >= rank]
        if len(ranks) < 2:
            raise CannotTell(f"the sweep has fewer than two ranks from {rank} on")
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
        raise CannotTell("it takes rank 1 or 2 and a larger one in the sweep")
    behind = {(r, s): study.gain(study.lora(r), study.lora(s)) for s in small for r in larger}
    return Verdict(
        every([gain.below(study.large) for gain in behind.values()], study.alpha),
        f"how far {rank_words(small)} fall behind {rank_words(larger)}, held against "
        f"{margin(study.large)}",
        study.largest(behind, "behind") | {"margin": study.large},
    )


def falls_are_noise(study: Study) -> Verdict:
    """Where a rank came out below the next smaller one, the fall is surely no large one.

    Refuted if some fall is surely beyond the middle margin.
    """
    ranks = study.several_ranks()
    steps = {
        (small, large): study.gain(study.lora(small), study.lora(large))
        for small, large in pairwise(ranks)
    }
    falls = sum(step.value > 0 for step in steps.values())
    if not falls:
        raise CannotTell("accuracy fell from no rank to the next: there is nothing to explain")
    return Verdict(
        every([step.below(study.similar) for step in steps.values()], study.alpha),
        f"falls from a rank to the next, {falls} of {len(steps)} steps, held against "
        f"{margin(study.similar)}",
        study.largest(steps, "fall") | {"margin": study.similar, "falls": falls},
    )


def _band(study: Study, ranks: Sequence[int], points: float) -> Verdict:
    pairs = {
        (low, high): study.gain(study.lora(high), study.lora(low))
        for low, high in combinations(ranks, 2)
    }
    statements = [one for gain in pairs.values() for one in gain.within(points)]
    widest = max(pairs, key=lambda pair: abs(pairs[pair].value))
    return Verdict(
        every(statements, study.alpha),
        f"differences of any two of {rank_words(ranks)}, each held against {margin(points)}; the "
        f"widest is between {widest[0]} and {widest[1]}",
        study.numbers(pairs[widest], "difference") | {"margin": points},
    )
