"""Claims about LoRA beside training the head alone and full fine-tuning, tested on test accuracy.

The head alone is the best of them on validation: the model's own head, trained, or a linear probe
on other states of the frozen encoder (`study.analyses.results.head_alone`). The verdict says which.
"Much" is more than the middle margin of `statistics.margins`.
"""

from __future__ import annotations

from itertools import pairwise

from study.analyses.results.head_alone import HeadAlone
from study.analyses.results.sweep import seed_merits
from study.claims.evidence import Study, Test, rank_words
from study.claims.rates import unequal
from study.claims.statements import Statement, above
from study.claims.trends import rises
from study.claims.verdicts import FAILS, CannotTell, Verdict
from study.probes.record import LinearProbe
from study.words.arms import arm_label
from study.words.phrases import margin, share


def between_the_others(study: Study) -> Verdict:
    """Every rank lies above the head alone and below full fine-tuning."""
    return study.every(
        [
            one
            for rank in study.ranks
            for one in (
                _ahead(study, study.lora(rank), study.head_alone),
                _ahead(study, study.full, study.lora(rank)),
            )
        ],
        f"whether {rank_words(study.ranks)} are above {study.the_head_alone} in {study.on_test}, "
        "and below full fine-tuning",
    )


def head_only_underfits(study: Study) -> Verdict:
    """The head alone has the fewest parameters, far below the smallest rank and full."""
    smallest = study.lora(study.ranks[0])
    fewest = study.head_alone.trainable_parameters
    found = study.every(
        [_ahead(study, arm, study.head_alone, study.similar) for arm in (smallest, study.full)],
        f"whether rank {study.ranks[0]} and full fine-tuning are more than "
        f"{margin(study.similar)} above {study.the_head_alone} in {study.on_test}",
        trained=fewest,
        trained_by_smallest_rank=smallest.trainable_parameters,
    )
    if fewest < smallest.trainable_parameters:
        return found
    why = f"{study.the_head_alone} trains no fewer parameters than rank {study.ranks[0]}"
    return Verdict(FAILS, why, found.numbers)


def full_is_best(study: Study) -> Verdict:
    """Full fine-tuning is better than the head alone and than every rank."""
    others = [study.head_alone, *(study.lora(rank) for rank in study.ranks)]
    return study.every(
        [_ahead(study, study.full, other) for other in others],
        f"whether full fine-tuning is above {study.the_head_alone} and above "
        f"{rank_words(study.ranks)} in {study.on_test}{unequal(study)}",
    )


def most_of_the_gain(rank: int) -> Test:
    """The rank makes up more than half of what full fine-tuning gains over the head alone."""

    def test(study: Study) -> Verdict:
        head = study.head_alone
        arm, gain = study.lora(rank), study.gain(study.full, head)
        if gain.interval(study.alpha)[0] <= 0:
            raise CannotTell(
                f"we cannot say that full fine-tuning gains over {study.the_head_alone} at all"
            )
        more = study.mix((1.0, arm), (-0.5, head), (-0.5, study.full))
        what = f"rank {rank} minus the middle between the head alone and full fine-tuning"
        return study.every(
            [above(what, more, unit="points")],
            f"whether rank {rank} is nearer to full fine-tuning than to {study.the_head_alone} in "
            f"{study.on_test}: most means more than half of the gain",
            share_of_gain=study.gain(arm, head).value / gain.value,
        )

    return test


def quality_kept(least: float) -> Test:
    """Every rank's accuracy is above a share of full fine-tuning's."""

    def test(study: Study) -> Verdict:
        if not study.has_shares:
            raise CannotTell(f"not defined for {study.measured}: it has no shares")
        ratio = min(_score(study.lora(r)) for r in study.ranks) / _score(study.full)
        over = {r: study.mix((1.0, study.lora(r)), (-least, study.full)) for r in study.ranks}
        return study.every(
            [
                above(f"rank {r} minus {share(least)} of full fine-tuning", gain, unit="points")
                for r, gain in over.items()
            ],
            f"whether every rank's {study.on_test} is above {share(least)} of full fine-tuning's",
            lowest_share_of_full=ratio,
        )

    return test


def more_parameters_tend_to_help(study: Study) -> Verdict:
    """Page's trend test of test accuracy over LoRA's ranks, by trainable parameters, in seeds.

    The head alone and full fine-tuning are left out. They stand at the two ends and far apart, so
    that with them the test shows a rise though the ranks between be all alike: in 92 % of simulated
    studies. Holds if there is a rise, refuted if there is a fall.
    """
    arms = [study.lora(rank) for rank in study.several_ranks()]
    arms.sort(key=lambda arm: arm.trainable_parameters)
    verdict, numbers = rises([seed_merits(arm) for arm in arms], study.alpha)
    scores = [f"{_name(arm)}: {study.shown(_score(arm))}" for arm in arms]
    return Verdict(
        verdict,
        f"whether {study.on_test} rises over {len(arms)} ranks in the order of their trainable "
        f"parameters (Page's trend test within each seed; a p value up to {study.alpha / 2:g} "
        "shows it). The head alone and full fine-tuning are left out: they lie so far apart that "
        "they would decide it by themselves",
        numbers | {"in_order": ", ".join(scores)},
    )


def clean_frontier(study: Study) -> Verdict:
    """Each arm is better than the one with the next fewer trainable parameters.

    That is the same as every arm being better than all with fewer, in one test a step.
    """
    steps = list(pairwise(_by_parameters(study)))
    return study.every(
        [_ahead(study, large, small) for small, large in steps],
        f"whether each of {len(steps) + 1} arms, {study.the_head_alone} among them, is above the "
        f"one with the next fewer trainable parameters in {study.on_test}",
    )


def _ahead(study: Study, first: HeadAlone, second: HeadAlone, limit: float = 0.0) -> Statement:
    gain = study.gain(first, second)
    return above(f"{_name(first)} minus {_name(second)}", gain, limit, "points")


def _by_parameters(study: Study) -> list[HeadAlone]:
    arms = [study.head_alone, *(study.lora(rank) for rank in study.ranks), study.full]
    return sorted(arms, key=lambda arm: arm.trainable_parameters)


def _name(arm: HeadAlone) -> str:
    return arm_label(arm.arm, arm.rank).removeprefix("LoRA, ").lower()


def _score(arm: HeadAlone) -> float:
    if isinstance(arm, LinearProbe):
        return arm.test_score
    runs = arm.picked()
    return sum(run.test_score for run in runs) / len(runs)
