"""Claims about LoRA beside training the head alone and full fine-tuning, tested on test accuracy.

"Much" and "near" are set by the middle margin of `statistics.margins`. Whether a rank is equivalent
to full fine-tuning is taken from metrics/sufficient_rank.json, whose tests are Holm's over ranks.
"""

from __future__ import annotations

from itertools import combinations

from study.claims.evidence import Study, Test, part, rank_words
from study.claims.verdicts import (
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Verdict,
    every,
)
from study.errors import StudyError
from study.labels import arm_label
from study.records import ArmRecord
from study.words import counted, margin, share

NEAR = ("equivalent", "better")
WORSE = "worse"
FEW = 0.05
"""The share of parameters that is left of 95 % fewer."""


def between_the_others(study: Study) -> Verdict:
    """Every rank lies above head-only and below full fine-tuning."""
    over = {r: study.gain(study.lora(r), study.head_only) for r in study.ranks}
    short = {r: study.gain(study.full, study.lora(r)) for r in study.ranks}
    least, nearest = (min(e, key=lambda rank: e[rank].value) for e in (over, short))
    return Verdict(
        every([*over.values(), *short.values()], study.alpha),
        f"least gain over head-only (rank {least}), least gap to full fine-tuning (rank {nearest})",
        study.numbers(over[least], "over_head_only") | study.numbers(short[nearest], "below_full"),
    )


def head_only_underfits(study: Study) -> Verdict:
    """Head-only trains the fewest parameters and is much worse than the smallest rank and full."""
    smallest = study.lora(study.ranks[0])
    to_lora = study.gain(smallest, study.head_only)
    to_full = study.gain(study.full, study.head_only)
    fewest = study.head_only.trainable_parameters < smallest.trainable_parameters
    verdict = every([to_lora.above(study.similar), to_full.above(study.similar)], study.alpha)
    return Verdict(
        verdict if fewest else FAILS,
        f"head-only behind rank {study.ranks[0]} and full fine-tuning, held against "
        f"{margin(study.similar)}",
        study.numbers(to_lora, "behind_lora")
        | study.numbers(to_full, "behind_full")
        | {"trainable_parameters": study.head_only.trainable_parameters},
    )


def full_is_best(study: Study) -> Verdict:
    """Full fine-tuning is better than head-only and than every rank."""
    ahead = {r: study.gain(study.full, study.lora(r)) for r in study.ranks}
    over_head = study.gain(study.full, study.head_only)
    nearest = min(ahead, key=lambda rank: ahead[rank].value)
    return Verdict(
        every([over_head, *ahead.values()], study.alpha),
        f"full fine-tuning ahead of head-only and of each rank, of which {nearest} is nearest",
        study.numbers(ahead[nearest], "ahead") | {"nearest_rank": nearest},
    )


def near_full(least: int, most: int, trained_share: float) -> Test:
    """Every rank from `least` to `most` is equivalent to full, with less than a share trained."""

    def test(study: Study) -> Verdict:
        ranks = [rank for rank in study.ranks if least <= rank <= most]
        if not ranks:
            raise CannotTell(f"the sweep has no rank from {least} to {most}")
        verdicts = [_verdicts(study)[rank] for rank in ranks]
        shares = [share_of(study.lora(rank)) for rank in ranks]
        if max(shares) >= trained_share or WORSE in verdicts:
            verdict = FAILS
        else:
            verdict = HOLDS if all(v in NEAR for v in verdicts) else UNTOLD
        return Verdict(
            verdict,
            f"{rank_words(ranks)} against full fine-tuning at {margin(study.similar)}, and "
            f"the share that is trained against {share(trained_share)}",
            {f"rank_{rank}": v for rank, v in zip(ranks, verdicts, strict=True)}
            | {"margin": study.similar, "largest_share": max(shares)},
        )

    return test


def comparable_with_few(study: Study) -> Verdict:
    """Some rank that trains 5 % of the parameters or less is equivalent to full fine-tuning.

    Refuted if each of them is worse by more than the margin.
    """
    few = [rank for rank in study.ranks if share_of(study.lora(rank)) <= FEW]
    if not few:
        raise CannotTell("every rank of the sweep trains more than 5 % of the parameters")
    verdicts = {rank: _verdicts(study)[rank] for rank in few}
    near = [rank for rank in few if verdicts[rank] in NEAR]
    worse = all(verdict == WORSE for verdict in verdicts.values())
    gaps = {rank: study.gain(study.lora(rank), study.full) for rank in few}
    best = near[0] if near else max(gaps, key=lambda rank: gaps[rank].value)
    found = rank_words(near) if near else "none"
    return Verdict(
        HOLDS if near else FAILS if worse else UNTOLD,
        f"of {rank_words(few)}, equivalent to full fine-tuning at {margin(study.similar)}: {found}",
        {"rank": best, "share": share_of(study.lora(best)), "margin": study.similar}
        | study.numbers(gaps[best], "gap_to_full"),
    )


def most_of_the_gain(rank: int) -> Test:
    """The rank makes up more than half of what full fine-tuning gains over head-only."""

    def test(study: Study) -> Verdict:
        arm, gain = study.lora(rank), study.gain(study.full, study.head_only)
        if gain.interval(study.alpha)[0] <= 0:
            raise CannotTell("full fine-tuning is not shown to gain anything over head-only")
        more = study.mix((1.0, arm), (-0.5, study.head_only), (-0.5, study.full))
        reached = study.gain(arm, study.head_only).value
        return Verdict(
            every([more], study.alpha),
            f"gain of rank {rank} over head-only, less half of full fine-tuning's",
            {"share_of_gain": reached / gain.value} | study.numbers(more, "above_half"),
        )

    return test


def quality_kept(least: float) -> Test:
    """Every rank's accuracy is above a share of full fine-tuning's."""

    def test(study: Study) -> Verdict:
        over = {r: study.mix((1.0, study.lora(r)), (-least, study.full)) for r in study.ranks}
        worst = min(over, key=lambda rank: over[rank].value)
        ratio = _accuracy(study.lora(worst)) / _accuracy(study.full)
        return Verdict(
            every(list(over.values()), study.alpha),
            f"accuracy of each rank less {share(least)} of full fine-tuning's; rank {worst} is "
            "lowest",
            {"rank": worst, "ratio": ratio} | study.numbers(over[worst], "above_least"),
        )

    return test


def smooth_front(study: Study) -> Verdict:
    """Of any two arms the one with more trainable parameters is better; refuted if one is worse."""
    arms = [study.head_only, *(study.lora(rank) for rank in study.ranks), study.full]
    arms.sort(key=lambda arm: arm.trainable_parameters)
    gains = {(a, b): study.gain(arms[b], arms[a]) for a, b in combinations(range(len(arms)), 2)}
    least = min(gains, key=lambda pair: gains[pair].value)
    small, large = (arm_label(arms[i].arm, arms[i].rank) for i in least)
    reversed_ = sum(gain.value < 0 for gain in gains.values())
    return Verdict(
        every(list(gains.values()), study.alpha),
        f"{counted(len(gains), 'pair')} of arms, of which {reversed_} came out reversed; the "
        f"least gain is of {large} over {small}",
        study.numbers(gains[least], "gain") | {"pairs": len(gains), "reversed": reversed_},
    )


def _verdicts(study: Study) -> dict[int, str]:
    """Return the verdict on equivalence of every rank at the middle margin."""
    rows = part(study.sufficient_rank, "sufficient_rank", "equivalence")
    at = {row["margin"]: row["ranks"] for row in rows}
    if study.similar not in at:
        raise StudyError(
            f"metrics/sufficient_rank.json: no margin {study.similar}; run `dvc repro "
            "sufficient_rank`"
        )
    return {row["rank"]: row["verdict"] for row in at[study.similar]}


def share_of(arm: ArmRecord) -> float:
    """Return the share of the model with its adapter that the arm trains."""
    return arm.trainable_parameters / (arm.total_parameters + arm.adapter_parameters)


def _accuracy(arm: ArmRecord) -> float:
    runs = arm.picked()
    return sum(run.test_accuracy for run in runs) / len(runs)
