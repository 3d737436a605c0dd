"""Claims that more rank brings more, or no more, tested on paired differences of test accuracy.

"Much" is more than the middle margin of `statistics.margins`. Only ranks of the sweep count.
"""

from __future__ import annotations

from study.claims.evidence import Study, Test, rank_words
from study.claims.verdicts import (
    FAILS,
    HOLDS,
    CannotTell,
    Estimate,
    Verdict,
    every,
    some,
)
from study.words import margin


def gains_up_to(rank: int) -> Test:
    """Accuracy rises by more than the middle margin from the smallest rank to this one."""

    def test(study: Study) -> Verdict:
        to, smallest = study.lora(rank), study.ranks[0]
        if smallest == rank:
            raise CannotTell(f"the sweep has no rank below {rank}")
        gain = study.gain(to, study.lora(smallest))
        return Verdict(
            every([gain.above(study.similar)], study.alpha),
            f"gain from rank {smallest} to {rank}, held against {margin(study.similar)}",
            study.numbers(gain, "gain") | {"margin": study.similar, "from_rank": smallest},
        )

    return test


def saturates_at(rank: int) -> Test:
    """Every larger rank gains less than the middle margin over this one."""

    def test(study: Study) -> Verdict:
        at = study.lora(rank)
        larger = [r for r in study.ranks if r > rank]
        if not larger:
            raise CannotTell(f"the sweep has no rank above {rank}")
        gains = {r: study.gain(study.lora(r), at) for r in larger}
        return Verdict(
            every([gain.below(study.similar) for gain in gains.values()], study.alpha),
            f"gains of {rank_words(larger)} over rank {rank}, each held against "
            f"{margin(study.similar)}",
            study.largest(gains, "gain") | {"margin": study.similar},
        )

    return test


def underfits(rank: int | None) -> Test:
    """Some larger rank gains more than the middle margin; None is the sweep's smallest rank."""

    def test(study: Study) -> Verdict:
        small = study.several_ranks()[0] if rank is None else rank
        at = study.lora(small)
        larger = [r for r in study.ranks if r > small]
        if not larger:
            raise CannotTell(f"the sweep has no rank above {small}")
        gains = {r: study.gain(study.lora(r), at) for r in larger}
        return Verdict(
            some([gain.above(study.similar) for gain in gains.values()], study.alpha),
            f"gains of {rank_words(larger)} over rank {small}, held against "
            f"{margin(study.similar)}",
            study.largest(gains, "gain") | {"margin": study.similar, "small_rank": small},
        )

    return test


def no_fall_at_the_top(study: Study) -> Verdict:
    """The largest rank is not much worse than any smaller one; asked where alpha was scaled."""
    falls = _falls(study)
    numbers = study.largest(falls, "fall") | {"margin": study.similar, "scaling": study.scaling}
    if study.scaling == "fixed":
        raise CannotTell(
            "it is a claim about alpha that grows with the rank, and this study keeps alpha fixed; "
            "the numbers are those of its fixed alpha",
            **numbers,
        )
    return Verdict(
        every([fall.below(study.similar) for fall in falls.values()], study.alpha),
        f"fall from each smaller rank to rank {study.ranks[-1]}, held against "
        f"{margin(study.similar)}",
        numbers,
    )


def overfits_at_the_top(study: Study) -> Verdict:
    """The largest rank is much worse than some smaller one."""
    falls = _falls(study)
    return Verdict(
        some([fall.above(study.similar) for fall in falls.values()], study.alpha),
        f"fall from each smaller rank to rank {study.ranks[-1]}, held against "
        f"{margin(study.similar)}",
        study.largest(falls, "fall") | {"margin": study.similar},
    )


def returns_diminish(study: Study) -> Verdict:
    """Some rank below the largest is such that no larger one gains much over it.

    Holds if that is shown for a rank (Bonferroni over the candidates); refuted if the largest rank
    is much better than every other.
    """
    *candidates, largest = study.several_ranks()
    verdicts = {
        rank: every(
            [
                study.gain(study.lora(larger), study.lora(rank)).below(study.similar)
                for larger in study.ranks
                if larger > rank
            ],
            study.alpha / len(candidates),
        )
        for rank in candidates
    }
    found = [rank for rank, verdict in verdicts.items() if verdict == HOLDS]
    top = {rank: study.gain(study.lora(largest), study.lora(rank)) for rank in candidates}
    verdict = every([gain.above(study.similar) for gain in top.values()], study.alpha)
    numbers = study.largest(top, "gain") | {"margin": study.similar, "from_rank": None}
    if found:
        point = f"from rank {found[0]} on no larger rank gains {margin(study.similar)}"
        return Verdict(HOLDS, point, numbers | {"from_rank": found[0]})
    if verdict == HOLDS:
        why = f"rank {largest} gains more than {margin(study.similar)} over every other"
        return Verdict(FAILS, why, numbers)
    raise CannotTell("no rank is shown to be such a point, nor is the opposite", **numbers)


def as_good_as(small: int, large: int) -> Test:
    """The small rank is not behind the large one by the middle margin."""

    def test(study: Study) -> Verdict:
        small_arm, top = study.lora(small), study.ranks[-1]
        if large not in study.ranks:
            numbers = {}
            if top > small:
                behind = study.gain(study.lora(top), small_arm)
                numbers = study.numbers(behind, "behind") | {"largest_rank": top}
            raise CannotTell(f"the sweep has no rank {large}; its largest is {top}", **numbers)
        behind = study.gain(study.lora(large), small_arm)
        return Verdict(
            every([behind.below(study.similar)], study.alpha),
            f"how far rank {small} is behind rank {large}, held against {margin(study.similar)}",
            study.numbers(behind, "behind") | {"margin": study.similar},
        )

    return test


def enough(least: int, most: int) -> Test:
    """Some rank from `least` to `most` is such that no other rank gains much over it.

    Holds if that is shown for one (Bonferroni over the candidates); refuted if for each of them
    some other rank surely gains more.
    """

    def test(study: Study) -> Verdict:
        ranks = study.several_ranks()
        candidates = [rank for rank in ranks if least <= rank <= most]
        if not candidates:
            raise CannotTell(f"the sweep has no rank from {least} to {most}")
        gains = {
            rank: {r: study.gain(study.lora(r), study.lora(rank)) for r in ranks if r != rank}
            for rank in candidates
        }
        held = {
            rank: [gain.below(study.similar) for gain in others.values()]
            for rank, others in gains.items()
        }
        share = study.alpha / len(candidates)
        found = [rank for rank in candidates if every(held[rank], share) == HOLDS]
        refuted = all(every(held[rank], study.alpha) == FAILS for rank in candidates)
        best = min(candidates, key=lambda rank: max(g.value for g in gains[rank].values()))
        numbers = study.largest(gains[best], "gain") | {"margin": study.similar, "rank": best}
        verdict = HOLDS if found else FAILS if refuted else None
        why = f"gains of other ranks over rank {best}, held against {margin(study.similar)}"
        if verdict is None:
            raise CannotTell(why, **numbers)
        return Verdict(verdict, why, numbers)

    return test


def _falls(study: Study) -> dict[int, Estimate]:
    *smaller, top = study.several_ranks()
    return {rank: study.gain(study.lora(rank), study.lora(top)) for rank in smaller}
