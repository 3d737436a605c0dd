"""Claims about LoRA beside training the head alone and full fine-tuning, tested on test accuracy.

"Much" and "near" are set by the middle margin of `statistics.margins`. Whether a rank is equivalent
to full fine-tuning is taken from metrics/sufficient_rank.json, whose tests are Holm's over ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from study.claims.advice import ONE_MORE_SEED, with_ranks, with_seeds
from study.claims.evidence import Study, Test, part, rank_words
from study.claims.statements import Statement, above
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Numbers, Verdict
from study.errors import StudyError
from study.labels import arm_label
from study.records import ArmRecord
from study.results import seed_accuracies
from study.sufficiency.trend import page
from study.words import margin, share

NEAR = ("equivalent", "better")
WORSE = "worse"
FEW = 0.05
"""The share of parameters that is left of 95 % fewer."""

Row = Mapping[str, Any]


def between_the_others(study: Study) -> Verdict:
    """Every rank lies above head-only and below full fine-tuning."""
    return study.every(
        [
            one
            for rank in study.ranks
            for one in (
                _ahead(study, study.lora(rank), study.head_only),
                _ahead(study, study.full, study.lora(rank)),
            )
        ],
        f"test accuracy of {rank_words(study.ranks)} over the head alone, and of full fine-tuning "
        "over each of them",
    )


def head_only_underfits(study: Study) -> Verdict:
    """Head-only trains the fewest parameters and is much worse than the smallest rank and full."""
    smallest = study.lora(study.ranks[0])
    fewest = study.head_only.trainable_parameters
    found = study.every(
        [_ahead(study, arm, study.head_only, study.similar) for arm in (smallest, study.full)],
        f"test accuracy of rank {study.ranks[0]} and of full fine-tuning over that of the head "
        f"alone, held against {margin(study.similar)}",
        trained=fewest,
        trained_by_smallest_rank=smallest.trainable_parameters,
    )
    if fewest < smallest.trainable_parameters:
        return found
    why = f"the head alone trains no fewer parameters than rank {study.ranks[0]}"
    return Verdict(FAILS, why, found.numbers)


def full_is_best(study: Study) -> Verdict:
    """Full fine-tuning is better than head-only and than every rank."""
    others = [study.head_only, *(study.lora(rank) for rank in study.ranks)]
    return study.every(
        [_ahead(study, study.full, other) for other in others],
        f"test accuracy of full fine-tuning over that of the head alone and of "
        f"{rank_words(study.ranks)}",
    )


def near_full(least: int, most: int, trained_share: float) -> Test:
    """Every rank from `least` to `most` is equivalent to full, with less than a share trained."""

    def test(study: Study) -> Verdict:
        ranks = [rank for rank in study.ranks if least <= rank <= most]
        if not ranks:
            command = with_ranks(study.ranks, least, most)
            raise CannotTell(f"the sweep has no rank from {least} to {most}: {command}")
        shares = {rank: share_of(study.lora(rank)) for rank in ranks}
        if max(shares.values()) >= trained_share:
            rank = max(shares, key=lambda rank: shares[rank])
            why = f"rank {rank} trains no less than {share(trained_share)} of the parameters"
            return Verdict(FAILS, why, {"rank": rank, "share": shares[rank]})
        rows = [_equivalence(study)[rank] for rank in ranks]
        worse = [row for row in rows if row["verdict"] == WORSE]
        unshown = [row for row in rows if row["verdict"] not in NEAR]
        deciding = min(worse, key=_p_worse) if worse else max(rows, key=_far)
        verdict = FAILS if worse else UNTOLD if unshown else HOLDS
        return Verdict(
            verdict,
            f"{rank_words(ranks)} against full fine-tuning at {margin(study.similar)}, and the "
            f"share that is trained against {share(trained_share)}"
            + _advice(study, verdict, deciding),
            _numbers(study, deciding) | {"largest_share": max(shares.values())},
        )

    return test


def comparable_with_few(study: Study) -> Verdict:
    """Some rank that trains 5 % of the parameters or less is equivalent to full fine-tuning.

    Refuted if each of them is worse by more than the margin.
    """
    few = [rank for rank in study.ranks if share_of(study.lora(rank)) <= FEW]
    if not few:
        raise CannotTell(
            "every rank of the sweep trains more than 5 % of the parameters: smaller `lora.ranks` "
            "or a larger `model.name` would tell"
        )
    rows = [_equivalence(study)[rank] for rank in few]
    near = [row for row in rows if row["verdict"] in NEAR]
    open_ = [row for row in rows if row["verdict"] not in (*NEAR, WORSE)]
    worse = not near and not open_
    deciding = near[0] if near else max(rows, key=_p_worse) if worse else min(open_, key=_far)
    verdict = HOLDS if near else FAILS if worse else UNTOLD
    return Verdict(
        verdict,
        f"{rank_words(few)} against full fine-tuning at {margin(study.similar)}"
        + _advice(study, verdict, deciding),
        _numbers(study, deciding) | {"share": share_of(study.lora(deciding["rank"]))},
    )


def most_of_the_gain(rank: int) -> Test:
    """The rank makes up more than half of what full fine-tuning gains over head-only."""

    def test(study: Study) -> Verdict:
        arm, gain = study.lora(rank), study.gain(study.full, study.head_only)
        if gain.interval(study.alpha)[0] <= 0:
            raise CannotTell("full fine-tuning is not shown to gain anything over the head alone")
        more = study.mix((1.0, arm), (-0.5, study.head_only), (-0.5, study.full))
        what = f"rank {rank} less the middle between the head alone and full fine-tuning"
        return study.every(
            [above(what, more, unit="points")],
            f"whether the test accuracy of rank {rank} is nearer to full fine-tuning's than to the "
            "head's alone: most is more than half of the gain",
            share_of_gain=study.gain(arm, study.head_only).value / gain.value,
        )

    return test


def quality_kept(least: float) -> Test:
    """Every rank's accuracy is above a share of full fine-tuning's."""

    def test(study: Study) -> Verdict:
        ratio = min(_accuracy(study.lora(r)) for r in study.ranks) / _accuracy(study.full)
        over = {r: study.mix((1.0, study.lora(r)), (-least, study.full)) for r in study.ranks}
        return study.every(
            [
                above(f"rank {r} less {share(least)} of full fine-tuning", gain, unit="points")
                for r, gain in over.items()
            ],
            f"test accuracy of each rank less {share(least)} of full fine-tuning's",
            lowest_ratio=ratio,
        )

    return test


def more_parameters_tend_to_help(study: Study) -> Verdict:
    """Page's trend test of test accuracy over all arms, by trainable parameters, seeds as blocks.

    Holds if there is a rise, refuted if there is a fall, each at half of alpha.
    """
    arms = _by_parameters(study)
    trend = page([seed_accuracies(arm) for arm in arms], "arm")
    if trend["reason"]:
        raise CannotTell(trend["reason"])
    accuracies = [f"{_name(arm)}: {100 * _accuracy(arm):.1f} %" for arm in arms]
    verdict = HOLDS if trend["p_value"] <= study.alpha / 2 else UNTOLD
    return Verdict(
        FAILS if trend["p_value_of_a_fall"] <= study.alpha / 2 else verdict,
        f"Page's trend test over {len(arms)} arms in the order of their trainable parameters, "
        f"seeds as blocks, held against {study.alpha / 2:g}",
        {
            "p_of_a_rise": trend["p_value"],
            "p_of_a_fall": trend["p_value_of_a_fall"],
            "in_order": ", ".join(accuracies),
        },
    )


def clean_frontier(study: Study) -> Verdict:
    """Each arm is better than the one with the next fewer trainable parameters.

    That is the same as every arm being better than all with fewer, in one test a step.
    """
    steps = list(pairwise(_by_parameters(study)))
    return study.every(
        [_ahead(study, large, small) for small, large in steps],
        f"test accuracy of each of {len(steps) + 1} arms over that with the next fewer trainable "
        "parameters",
    )


def share_of(arm: ArmRecord) -> float:
    """Return the share of the model with its adapter that the arm trains."""
    return arm.trainable_parameters / (arm.total_parameters + arm.adapter_parameters)


def _ahead(study: Study, first: ArmRecord, second: ArmRecord, limit: float = 0.0) -> Statement:
    gain = study.gain(first, second)
    return above(f"{_name(first)} less {_name(second)}", gain, limit, "points")


def _by_parameters(study: Study) -> list[ArmRecord]:
    arms = [study.head_only, *(study.lora(rank) for rank in study.ranks), study.full]
    return sorted(arms, key=lambda arm: arm.trainable_parameters)


def _name(arm: ArmRecord) -> str:
    return arm_label(arm.arm, arm.rank).removeprefix("LoRA, ").lower()


def _equivalence(study: Study) -> dict[int, Row]:
    """Return every rank's row on equivalence to full fine-tuning at the middle margin."""
    found = part(study.sufficient_rank, "sufficient_rank", "equivalence")
    at: dict[float, Sequence[Row]] = {row["margin"]: row["ranks"] for row in found}
    if study.similar not in at:
        raise StudyError(
            f"metrics/sufficient_rank.json: no margin {study.similar}; run `dvc repro "
            "sufficient_rank`"
        )
    return {row["rank"]: row for row in at[study.similar]}


def _numbers(study: Study, row: Row) -> Numbers:
    """Return how a rank stands to full fine-tuning, with the p values that gave its verdict."""
    return {
        "rank": row["rank"],
        "is": row["verdict"],
        "margin": study.similar,
        "difference": row["difference"],
        "standard_error": row["standard_error"],
        "p_equivalent": row["p_equivalent"],
        "p_worse": row["p_worse"],
        "p_better": row["p_better"],
        "correction": f"Holm over {len(study.ranks)} ranks",
    }


def _advice(study: Study, verdict: str, row: Row) -> str:
    if verdict != UNTOLD:
        return ""
    if len(study.full.picked()) == 1:
        return f". {ONE_MORE_SEED}"
    return f". {with_seeds(row['seeds_if_as_measured'])}"


def _far(row: Row) -> tuple[float, float]:
    """Return what grows the less a rank is shown to be near full fine-tuning."""
    return min(row["p_equivalent"], row["p_better"]), -row["difference"]


def _p_worse(row: Row) -> float:
    return float(row["p_worse"])


def _accuracy(arm: ArmRecord) -> float:
    runs = arm.picked()
    return sum(run.test_accuracy for run in runs) / len(runs)
