"""Claims about learning rates; they take a study that tried several.

Which rate is best was picked on validation (metrics/learning_rate.json).
"""

from __future__ import annotations

from collections.abc import Sequence

from study.analyses.results.sweep import measure_in
from study.claims.advice import LORA_RATES, PROPORTIONAL, RATES
from study.claims.advice import run as command
from study.claims.estimates import over_seeds
from study.claims.evidence import Study, Test, part, rank_words
from study.claims.statements import above
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Verdict, inside
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.words.phrases import listed, margin, significant

ONE_SEED = "one seed does not tell how certain the best learning rates are: " + command(
    "seeds=[0,1,2]"
)

ALL_WHOLE = command("train.early_exit=null")
ONE_LEFT = (
    f"of several learning rates early exit left one, which nothing was picked from: {ALL_WHOLE}"
)

SAME = 0.125
"""Up to this exponent of the rank one rate serves all: 16 times the rank, 1.4 times the rate."""


def unequal(study: Study) -> str:
    """Say, to be put behind a comparison of arms, that their rates were not picked alike.

    Empty where every arm had several rates to pick from.
    """
    arms = [study.head_only, *(study.lora(rank) for rank in study.ranks), study.full]
    names = {HEAD_ONLY: "the head alone", LORA: "LoRA", FULL: "full fine-tuning"}
    alone = dict.fromkeys(names[arm.arm] for arm in arms if len(arm.learning_rates) == 1)
    if not alone:
        return ""
    return (
        f". For {listed(list(alone))} one rate was tried, so nothing was picked: a part of the "
        "difference may come from rates and epochs that were not picked alike"
    )


def lora_takes_a_higher_rate(study: Study) -> Verdict:
    """Every rank's best rate is above full fine-tuning's, where both were searched.

    By the interval over seeds of their ratio; refuted if no rank's is. A best rate at the edge of
    what was tried does not support what it would if it moved on.
    """
    rows = part(study.learning_rate, "learning_rate", "ratio_to_full")
    arms = part(study.learning_rate, "learning_rate", "arms")
    for row in rows:
        if row["reason"]:
            raise CannotTell(f"{row['reason']}. It takes {RATES}")
        if row["low"] is None:
            raise CannotTell(ONE_SEED)
    edges = {(row["arm"], row["at_edge"]) for row in arms}
    may_be_lower = {(LORA, "lowest"), (FULL, "highest")} & edges
    may_be_higher = {(LORA, "highest"), (FULL, "lowest")} & edges
    above_it = all(row["low"] > 1 for row in rows) and not may_be_lower
    not_above = all(row["high"] <= 1 for row in rows) and not may_be_higher
    least = min(rows, key=lambda row: row["low"])
    return Verdict(
        HOLDS if above_it else FAILS if not_above else UNTOLD,
        "each rank's best learning rate as a multiple of full fine-tuning's: above 1 it is higher. "
        "Told is the rank whose interval reaches lowest",
        {key: least[key] for key in ("rank", "ratio")}
        | {f"ratio_{end}": least[end] for end in ("low", "high")}
        | {"largest_ratio": max(row["ratio"] for row in rows)},
    )


def best_rate_within(least: float, most: float) -> Test:
    """Every rank's best rate lies in a range, beyond which rates were tried too.

    By the share of resampled seeds in which the best lies inside: holds if at every rank it is at
    least the study's confidence, refuted if at none it is more than the rest. A best rate inside at
    the edge of what was tried may lie beyond, and supports nothing.
    """

    def test(study: Study) -> Verdict:
        every_arm = part(study.learning_rate, "learning_rate", "arms")
        rows = [row for row in every_arm if row["arm"] == LORA]
        span = f"{significant(least)} to {significant(most)}"
        shares = []
        for row in rows:
            within = [one for one in row["rates"] if least <= one["rate"] <= most]
            tried = [one["rate"] for one in (*row["rates"], *row.get("dropped", ()))]
            if len({least <= rate <= most for rate in tried}) < 2:
                raise CannotTell(
                    f"rank {row['rank']} was not tried both in {span} and beyond: {LORA_RATES}"
                )
            if row["rates"][0]["chosen"] is None:
                raise CannotTell(ONE_SEED if len(row["rates"]) > 1 else ONE_LEFT)
            if row["at_edge"] and least <= row["best"] <= most:
                raise CannotTell(
                    f"the best rate of rank {row['rank']}, {significant(row['best'])}, is the "
                    f"{row['at_edge']} of its rates, at the edge of what was tried: more "
                    "`lora.learning_rates`"
                )
            shares.append(sum(one["chosen"] for one in within))
        holds = min(shares) >= study.confidence
        return Verdict(
            HOLDS if holds else FAILS if max(shares) <= study.alpha else UNTOLD,
            f"best learning rate of {rank_words([row['rank'] for row in rows])}, at the study's "
            f"scaling of alpha ({study.scaling}), and in which share of resampled seeds it lies in "
            f"{span}: at the rank where it does so least, and where it does so most",
            {
                "least_best": min(row["best"] for row in rows),
                "largest_best": max(row["best"] for row in rows),
                "least_share": min(shares),
                "largest_share": max(shares),
            },
        )

    return test


def extremes_hurt(study: Study) -> Verdict:
    """The lowest and the highest rate tried are both much worse on validation than the best.

    For each rank with three rates or more; points by seed, mean over ranks, held against the
    middle margin. The best one was picked on the same sentences, which flatters it.
    """
    arms = [study.lora(rank) for rank in study.ranks]
    arms = [arm for arm in arms if len(arm.learning_rates) > 2]
    if not arms:
        raise CannotTell(f"no rank was tried with three learning rates or more: {LORA_RATES}")
    if any(not {min(a.learning_rates), max(a.learning_rates)} <= {*a.whole_rates} for a in arms):
        raise CannotTell(
            "the lowest or the highest rate was dropped early at a rank, so that what it would "
            f"have come to is not known: {ALL_WHOLE}"
        )
    return study.every(
        [
            above(
                f"the best rate minus the {which} one on validation, mean over ranks",
                over_seeds(_behind(arms, which), "a difference"),
                study.similar,
                "points",
            )
            for which in ("lowest", "highest")
        ],
        f"whether the lowest and the highest rate tried each lose more than "
        f"{margin(study.similar)}",
    )


def one_rate_serves_all(study: Study) -> Verdict:
    """With alpha in proportion to the rank the best rate does not depend on the rank.

    Its exponent of the rank is to lie within an eighth of 0; the interval over seeds is widened by
    what the grid of rates leaves open.
    """
    if study.scaling != "proportional":
        raise CannotTell(
            "it is about alpha in proportion to the rank, and this study's scaling is "
            f"{study.scaling}. It takes {PROPORTIONAL} with several `lora.learning_rates`"
        )
    exponent = part(study.learning_rate, "learning_rate", "exponent")
    if "value" not in exponent:
        raise CannotTell(f"{exponent['reason']}. It takes {LORA_RATES}")
    if exponent["low"] is None:
        raise CannotTell(ONE_SEED)
    low, high = exponent["low"] - exponent["resolution"], exponent["high"] + exponent["resolution"]
    return Verdict(
        inside(low, high, -SAME, SAME),
        "power of the rank with which the best learning rate changes: 0 is one rate for all ranks, "
        f"and up to {SAME:g} either way counts as that. Its interval is widened by what the rates "
        "that were tried leave open",
        {"exponent": exponent["value"], "exponent_low": low, "exponent_high": high},
    )


def _behind(arms: Sequence[ArmRecord], which: str) -> list[float]:
    """Return, by seed, how far the lowest or highest rate is behind the picked one, in points."""
    by_seed: dict[int, list[float]] = {}
    for arm in arms:
        extreme = (min if which == "lowest" else max)(arm.learning_rates)
        merit = measure_in(arm).merit
        there = {run.seed: run for run in arm.at(extreme)}
        # Further blocks of seeds are trained at the picked rate alone.
        for run in [run for run in arm.picked() if run.seed in there]:
            lost = 100 * merit(run.validation_score - there[run.seed].validation_score)
            by_seed.setdefault(run.seed, []).append(lost)
    return [sum(lost) / len(lost) for lost in by_seed.values()]
