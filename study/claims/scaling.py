"""Claims about how alpha is scaled with the rank.

Most are tested on the linear model's trained scalings: `fixed` is alpha / r, `proportional` alpha;
both were trained at one learning rate for the same number of steps, by plain gradient descent and
by Adam, from B = 0. "Unreached" is the share of what a rank could gain on its sample that those
steps left. Differences have Student's t interval over the seeds.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student

from study.claims.advice import run
from study.claims.estimates import Estimate, over_seeds
from study.claims.evidence import Study, Test, part
from study.claims.linear import SEEDS, fit_falls, scaling_table, several_theory_ranks, theory_ranks
from study.claims.statements import Statement, above, below, within
from study.claims.training import training_losses
from study.claims.trends import falls
from study.claims.verdicts import CannotTell, Verdict
from study.words.phrases import listed

OPTIMIZERS = ("sgd", "adam")
COMPARABLE = 0.25
"""Up to this exponent of the rank a size is comparable: 16 times the rank, at most twice it."""

FAR = 0.1
"""Up to this share unreached, a rank was trained about as far as it goes."""


def fixed_shrinks_updates(study: Study) -> Verdict:
    """At the largest rank the trained update is smaller with alpha fixed than in proportion.

    Beside it is told how the size goes from rank to rank with alpha fixed, which is not tested.
    """
    ranks = several_theory_ranks(study)
    sizes = {
        optimizer: scaling_table(study, optimizer, "fixed", "update_norm").mean(axis=1)
        for optimizer in OPTIMIZERS
    }
    ends = [
        f"{size[0]:.3g} at rank {ranks[0]} and {size[-1]:.3g} at rank {ranks[-1]} by {optimizer}"
        for optimizer, size in sizes.items()
    ]
    return study.every(
        _by_optimizer(study, "update_norm", "the size of the update", fixed_sign=-1),
        f"in the linear model, whether the same steps give a larger update at rank {ranks[-1]} "
        "with alpha in proportion than with alpha fixed. That is at one rank: across ranks, with "
        f"alpha fixed, the size is {listed(ends)}",
        **{
            f"size_with_alpha_fixed_by_{optimizer}": ", ".join(
                f"rank {rank}: {value:.3g}" for rank, value in zip(ranks, size, strict=True)
            )
            for optimizer, size in sizes.items()
        },
    )


def fixed_shrinks_transformer(study: Study) -> Verdict:
    """Where alpha is fixed the transformer's trained update falls in size with the rank.

    Page's trend test, seeds as blocks, of the root of the summed squared norms over the adapted
    matrices; holds if there is a fall, refuted if there is a rise, each at half of alpha.
    """
    if study.scaling != "fixed":
        command = run("lora.scaling=fixed", "lora.alpha=16")
        raise CannotTell(f"this study's alpha is not fixed ({study.scaling}): {command}")
    squared: dict[tuple[int, int], float] = defaultdict(float)
    for row in part(study.spectra, "spectra", "lora"):
        squared[row["rank"], row["seed"]] += row["norm"] ** 2
    seeds = sorted({seed for _, seed in squared})
    norms = {
        rank: [math.sqrt(squared[rank, seed]) for seed in seeds]
        for rank in sorted({rank for rank, _ in squared})
    }
    verdict, numbers = falls(list(norms.values()), study.alpha)
    smallest, *_, largest = norms
    return Verdict(
        verdict,
        f"whether the transformer's trained update shrinks over its {len(norms)} ranks (Page's "
        f"trend test within each seed; a p value up to {study.alpha / 2:g} shows it)",
        numbers
        | {
            f"size_at_rank_{smallest}": float(np.mean(norms[smallest])),
            f"size_at_rank_{largest}": float(np.mean(norms[largest])),
        },
    )


def fixed_starves_large_ranks(study: Study) -> Verdict:
    """At the largest rank alpha fixed leaves more unreached than in proportion.

    The transformer does not decide it: a study has one scaling. What it says is told beside it.
    """
    return study.every(
        _starved(study),
        f"in the linear model, whether the same steps leave more of the possible gain at rank "
        f"{theory_ranks(study)[-1]} unreached with alpha fixed than with alpha in proportion. The "
        f"study's transformer does not decide it: {_transformer_says(study)}",
    )


def scaling_trains_all_ranks(study: Study) -> Verdict:
    """With alpha in proportion at most a tenth stays unreached at every rank."""
    ranks = several_theory_ranks(study)
    return study.every(
        [
            below(
                f"the share left unreached at rank {rank} ({optimizer})",
                over_seeds(row.tolist(), "what is unreached", SEEDS),
                FAR,
            )
            for optimizer in OPTIMIZERS
            for rank, row in zip(
                ranks, scaling_table(study, optimizer, "proportional", "unreached"), strict=True
            )
        ],
        "in the linear model with alpha in proportion, whether training leaves less than a share "
        f"of {FAR:g} of the possible gain unreached, at every rank and with either optimiser",
    )


def rank_expresses_scaling_optimises(study: Study) -> Verdict:
    """Fully trained the loss falls with every rank; after few steps scaling decides at one rank."""
    return study.every(
        [*fit_falls(study), *_starved(study)],
        "in the linear model, whether the loss falls from each rank to the next when fully "
        f"trained, and whether after few steps at rank {theory_ranks(study)[-1]} alpha fixed "
        "leaves more unreached than alpha in proportion",
    )


def same_size_at_all_ranks(scaling: str) -> Test:
    """The first step's update is of comparable size at all ranks: its norm goes as about r^0.

    The exponent is the slope of log norm by log rank, for each optimiser, with the interval of
    ordinary least squares over the ranks; it is to lie within a quarter of 0.
    """

    def test(study: Study) -> Verdict:
        ranks = several_theory_ranks(study)
        if len(ranks) < 3:
            command = run("theory.ranks=[1,2,4,8,16,32]")
            raise CannotTell(f"an exponent with an interval takes three ranks: {command}")
        order = np.argsort(part(study.theory, "theory", "ranks"))
        statements: list[Statement] = []
        for optimizer in OPTIMIZERS:
            path = ("scalings", "optimizers", optimizer, "scalings", scaling, "curves")
            curves = np.array(part(study.theory, "theory", *path, "update_norm"))[order]
            slope = _slope(np.log(ranks), np.log(curves[:, 1]))
            statements += within(f"the exponent of the rank ({optimizer})", slope, COMPARABLE)
        return study.every(
            statements,
            "in the linear model, the power of the rank with which the first step's update grows: "
            f"0 is the same size at all ranks, {COMPARABLE:g} is twice the size at 16 times the "
            "rank",
        )

    return test


def _transformer_says(study: Study) -> str:
    """Say what the transformer's training loss tells of alpha fixed, as far as it does."""
    if study.scaling != "fixed":
        return f"its alpha is not fixed ({study.scaling})"
    if len(study.ranks) < 2:
        return f"it has alpha fixed but one rank, {study.ranks[0]}"
    first, *_, last = (f"{np.mean(loss):.3f}" for loss in training_losses(study))
    return (
        "it has alpha fixed and no other scaling beside it. Its mean training loss is "
        f"{first} at rank {study.ranks[0]} and {last} at rank {study.ranks[-1]}"
    )


def _starved(study: Study) -> list[Statement]:
    return _by_optimizer(study, "unreached", "the share left unreached", fixed_sign=1)


def _by_optimizer(study: Study, key: str, what: str, fixed_sign: int) -> list[Statement]:
    """State that fixed less proportional (or the reverse) at the largest rank is above 0."""
    largest = several_theory_ranks(study)[-1]
    which = "fixed minus proportional" if fixed_sign > 0 else "proportional minus fixed"
    found = []
    for optimizer in OPTIMIZERS:
        fixed, proportional = (
            scaling_table(study, optimizer, scaling, key)[-1]
            for scaling in ("fixed", "proportional")
        )
        estimate = over_seeds((fixed_sign * (fixed - proportional)).tolist(), what, SEEDS)
        found.append(above(f"{what} at rank {largest}, {which} ({optimizer})", estimate))
    return found


def _slope(x: np.ndarray, y: np.ndarray) -> Estimate:
    line = linregress(x, y)
    degrees, error = len(x) - 2, float(line.stderr)
    return Estimate(
        float(line.slope),
        lambda alpha: float(student.isf(alpha, degrees)) * error,
        "ranks",
        setting="theory.ranks",
    )
