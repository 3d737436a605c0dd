"""«I am short of full fine-tuning: more rank or more modules?», answered.

Two ways to spend the same parameters: all linear layers at a rank, or the main study's modules at a
higher one. Their difference, the mean over the ranks at which the two train about as many
parameters, has one interval, and the verdict is read off it: it lies above 0 (more modules), below
(more rank), within a margin (either), or it does none of these (not told). Any of them is wrong
only if the interval misses the true difference, which has a chance of at most 1 - confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.studies.placement.answers.arms import Arm, Arms, Pair, at_equal_parameters
from study.studies.placement.answers.compare import (
    Row,
    gap,
    mean_gap,
    mean_gap_of_probability,
)
from study.studies.placement.answers.sentences import (
    EITHER,
    MODULES,
    RANK,
    UNTOLD,
    no_pairs,
    sentences,
)

QUESTION = "I am short of full fine-tuning: more rank or more modules?"
WIDEST = "all_linear"
_NARROW = ("query_value", "attention")


@dataclass(frozen=True)
class Sides:
    """What is compared: the same parameters in more modules, or at a higher rank in fewer."""

    wide: Sequence[Arm]
    narrow: Sequence[Arm]
    pairs: Sequence[Pair]


def sides(arms: Arms) -> Sides | None:
    """Choose them; None where there is one placement alone.

    More modules: all linear layers, or where they are left out the placement that trains most at a
    rank. Fewer: where the main study's LoRA is, or if that is the wide one the narrowest other.
    """

    def of_a_rank(name: str) -> float:
        return arms[name][0].parameters / arms[name][0].rank

    if len(arms) < 2:
        return None
    wide = WIDEST if WIDEST in arms else max(arms, key=of_a_rank)
    main = next((name for name, own in arms.items() if own[0].main), wide)
    others = [name for name in (main, *_NARROW, *sorted(arms, key=of_a_rank)) if name != wide]
    narrow = next(name for name in others if name in arms)
    return Sides(arms[wide], arms[narrow], at_equal_parameters(arms[wide], arms[narrow]))


def answer_of(arms: Arms, full: ArmRecord, statistics: StatisticsSettings) -> dict[str, Any]:
    """Return the record's part.

    `verdict`; `wide` and `narrow`, names of placements; `ranks`, the pairs of them at which the two
    train about as many parameters; `difference`, `low` and `high`, of wide less narrow; `margin`,
    where the verdict is "either"; `probability`: the same difference of the probability of the
    right class; `gain_of_modules` and `gain_of_rank`: wide less narrow at the wide one's ranks, and
    the narrow one's higher ranks less these; `words`, of which the first sentence answers.
    """
    found: dict[str, Any] = {"question": QUESTION, "verdict": UNTOLD}
    chosen = sides(arms)
    if chosen is None:
        return found | {"words": ["**Not told**: there is one placement alone."]}
    wide, narrow = chosen.wide[0], chosen.narrow[0]
    found |= {"wide": wide.name, "narrow": narrow.name}
    if not chosen.pairs:
        return found | {"words": [no_pairs(wide, narrow)]}
    confidence = statistics.confidence
    own = gap(mean_gap(chosen.pairs), confidence)
    verdict, margin = _verdict(own, statistics.margins)
    sharper = mean_gap_of_probability(chosen.pairs)
    found |= {"verdict": verdict, "ranks": [[p.one.rank, p.other.rank] for p in chosen.pairs]}
    found |= own | {"margin": margin}
    found |= {"probability": None if sharper is None else gap(sharper, confidence)}
    found |= _gains(chosen, confidence)
    return found | {"words": sentences(found, chosen.pairs, full, confidence)}


def _verdict(own: Row, margins: Sequence[float]) -> tuple[str, float | None]:
    low, high = own["low"], own["high"]
    if low is None or high is None:
        return UNTOLD, None
    if low > 0 or high < 0:
        return (MODULES if low > 0 else RANK), None
    within = [margin for margin in sorted(margins) if -margin <= low and high <= margin]
    return (EITHER, within[0]) if within else (UNTOLD, None)


def _gains(chosen: Sides, confidence: float) -> dict[str, Row | None]:
    of_rank = {arm.rank: arm for arm in chosen.narrow}
    both = [(pair, of_rank[pair.one.rank]) for pair in chosen.pairs if pair.one.rank in of_rank]
    if not both:
        return {"gain_of_modules": None, "gain_of_rank": None}
    modules = mean_gap([Pair(pair.one, start) for pair, start in both])
    rank = mean_gap([Pair(pair.other, start) for pair, start in both])
    return {"gain_of_modules": gap(modules, confidence), "gain_of_rank": gap(rank, confidence)}
