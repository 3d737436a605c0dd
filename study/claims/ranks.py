"""Claims that more rank brings more, or no more, tested on paired differences of test accuracy.

"Much" is more than the middle margin of `statistics.margins`. Only ranks of the sweep count.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.claims.advice import PROPORTIONAL, with_ranks
from study.claims.estimates import Estimate
from study.claims.evidence import Study, Test, rank_words
from study.claims.statements import Statement, above, any_candidate, below, every
from study.claims.verdicts import CannotTell, Verdict
from study.words.phrases import margin


def gains_up_to(rank: int) -> Test:
    """Accuracy rises by more than the middle margin from the smallest rank to this one."""

    def test(study: Study) -> Verdict:
        study.lora(rank)
        smallest = study.ranks[0]
        if smallest == rank:
            command = with_ranks(study.ranks, 1)
            raise CannotTell(f"the sweep has no rank below {rank}: {command}")
        return study.every(
            [above(_name(rank, smallest), _gain(study, rank, smallest), study.similar, "points")],
            f"whether {study.on_test} rises by more than {margin(study.similar)} from rank "
            f"{smallest} to {rank}",
        )

    return test


def saturates_at(rank: int) -> Test:
    """Every larger rank gains less than the middle margin over this one."""

    def test(study: Study) -> Verdict:
        study.lora(rank)
        larger = study.ranks_above(rank)
        return study.every(
            _no_gains(study, larger, rank),
            f"whether {rank_words(larger)} gain less than {margin(study.similar)} of "
            f"{study.on_test} over rank {rank}",
        )

    return test


def smallest_underfits(study: Study) -> Verdict:
    """Some larger rank gains more than the middle margin over the sweep's smallest."""
    smallest, *larger = study.several_ranks()
    return study.some(
        [one.negated() for one in _no_gains(study, larger, smallest)],
        f"whether any of {rank_words(larger)} gains more than {margin(study.similar)} of "
        f"{study.on_test} over rank {smallest}",
    )


def no_fall_at_the_top(study: Study) -> Verdict:
    """The largest rank is not much worse than any smaller one; asked where alpha was scaled."""
    falls = _no_falls(study)
    if study.scaling == "fixed":
        raise CannotTell(
            "it is about alpha that grows with the rank, and this study keeps alpha fixed; the "
            f"numbers are those of its fixed alpha. It takes {PROPORTIONAL}",
            **every(falls, study.alpha).numbers(),
            scaling=study.scaling,
        )
    return study.every(falls, _fall_words(study), scaling=study.scaling)


def overfits_at_the_top(study: Study) -> Verdict:
    """The largest rank is much worse than some smaller one."""
    return study.some([one.negated() for one in _no_falls(study)], _fall_words(study))


def returns_diminish(study: Study) -> Verdict:
    """Some rank below the largest is such that no larger one gains much over it.

    Holds if that is shown for a rank; refuted if over each of them some larger one gains much.
    """
    *candidates, _ = ranks = study.several_ranks()
    return _some_is_enough(
        study,
        {rank: [larger for larger in ranks if larger > rank] for rank in candidates},
        f"whether one of {rank_words(candidates)} is such that no larger rank gains "
        f"{margin(study.similar)} of {study.on_test} over it",
    )


def enough(least: int, most: int) -> Test:
    """Some rank from `least` to `most` is such that no other rank gains much over it.

    Holds if that is shown for one; refuted if for each of them some other rank surely gains more.
    """

    def test(study: Study) -> Verdict:
        ranks = study.several_ranks()
        candidates = [rank for rank in ranks if least <= rank <= most]
        if not candidates:
            span = f"rank {least}" if least == most else f"rank from {least} to {most}"
            raise CannotTell(f"the sweep has no {span}: {with_ranks(ranks, least)}")
        return _some_is_enough(
            study,
            {rank: [other for other in ranks if other != rank] for rank in candidates},
            f"whether {'one of ' if len(candidates) > 1 else ''}{rank_words(candidates)} is such "
            f"that no other rank gains {margin(study.similar)} of {study.on_test} over it",
        )

    return test


def as_good_as(small: int, large: int) -> Test:
    """The small rank is not behind the large one by the middle margin."""

    def test(study: Study) -> Verdict:
        study.lora(small)
        top = study.ranks[-1]
        if large not in study.ranks:
            numbers = every(_no_gains(study, [top], small), study.alpha).numbers()
            raise CannotTell(
                f"the sweep has no rank {large}, its largest is {top}: "
                f"{with_ranks(study.ranks, large)}",
                **(numbers if top > small else {}),
            )
        return study.every(
            _no_gains(study, [large], small),
            f"whether rank {small} is less than {margin(study.similar)} behind rank {large} in "
            f"{study.on_test}",
        )

    return test


def _some_is_enough(study: Study, others: dict[int, list[int]], why: str) -> Verdict:
    candidates = [_no_gains(study, gaining, rank) for rank, gaining in others.items()]
    finding = any_candidate(candidates, study.alpha, study.power)
    places = [i for i, each in enumerate(candidates) if finding.statement in each]
    return study.found(finding, why, candidate=f"rank {list(others)[places[0]]}")


def _no_gains(study: Study, others: Sequence[int], rank: int) -> list[Statement]:
    """State of each other rank that it gains less than the middle margin over this one."""
    return [
        below(_name(other, rank), _gain(study, other, rank), study.similar, "points")
        for other in others
    ]


def _no_falls(study: Study) -> list[Statement]:
    *smaller, top = study.several_ranks()
    return [
        below(_name(rank, top), _gain(study, rank, top), study.similar, "points")
        for rank in smaller
    ]


def _fall_words(study: Study) -> str:
    return (
        f"how far {study.on_test} falls from each smaller rank to rank {study.ranks[-1]}; less "
        f"than {margin(study.similar)} is no fall that matters"
    )


def _gain(study: Study, rank: int, over: int) -> Estimate:
    return study.gain(study.lora(rank), study.lora(over))


def _name(rank: int, over: int) -> str:
    return f"rank {rank} minus rank {over}"
