"""Claims about how alpha is scaled with the rank, tested on the linear model's trained scalings.

`fixed` is alpha / r, `proportional` alpha; both were trained at one learning rate for the same
number of steps, by plain gradient descent and by Adam, from B = 0. "Unreached" is the share of what
a rank could gain on its sample that those steps left. Differences have Student's t interval over
the seeds.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student

from study.claims.evidence import Study, Test, part
from study.claims.linear import fit_falls, scaling_table, theory_ranks
from study.claims.verdicts import CannotTell, Estimate, Verdict, every, over_seeds

OPTIMIZERS = ("sgd", "adam")
COMPARABLE = 0.25
"""Up to this exponent of the rank a size is comparable: 16 times the rank, less than twice it."""

FAR = 0.1
"""Up to this share unreached, a rank was trained about as far as it goes."""


def fixed_shrinks_updates(study: Study) -> Verdict:
    """At the largest rank the trained update is smaller with alpha fixed than in proportion."""
    less = _by_optimizer(study, "update_norm", fixed_sign=-1)
    return Verdict(
        every(list(less.values()), study.alpha),
        f"size of the update at rank {theory_ranks(study)[-1]}, in proportion less fixed, after "
        "the same steps",
        _numbers(study, less, "less"),
    )


def fixed_starves_large_ranks(study: Study) -> Verdict:
    """At the largest rank alpha fixed leaves more unreached than in proportion."""
    more = _by_optimizer(study, "unreached", fixed_sign=1)
    return Verdict(
        every(list(more.values()), study.alpha),
        f"share unreached at rank {theory_ranks(study)[-1]}, fixed less in proportion, after the "
        "same steps",
        _numbers(study, more, "more"),
    )


def scaling_trains_all_ranks(study: Study) -> Verdict:
    """With alpha in proportion at most a tenth stays unreached at every rank."""
    ranks = _several(study)
    left = {
        (optimizer, rank): over_seeds(row.tolist(), "what is unreached")
        for optimizer in OPTIMIZERS
        for rank, row in zip(
            ranks, scaling_table(study, optimizer, "proportional", "unreached"), strict=True
        )
    }
    worst = max(left, key=lambda key: left[key].value)
    return Verdict(
        every([one.below(FAR) for one in left.values()], study.alpha),
        f"share unreached with alpha in proportion, held against {FAR:g} at every rank; largest "
        f"for {worst[0]} at rank {worst[1]}",
        study.numbers(left[worst], "unreached"),
    )


def rank_expresses_scaling_optimises(study: Study) -> Verdict:
    """Fully trained the loss falls with every rank; after few steps scaling decides at one rank."""
    falls = fit_falls(study)
    more = _by_optimizer(study, "unreached", fixed_sign=1)
    least = min(falls, key=lambda fall: fall.value)
    return Verdict(
        every([*falls, *more.values()], study.alpha),
        "least fall of the fully trained loss from a rank to the next; share unreached at rank "
        f"{theory_ranks(study)[-1]}, fixed less in proportion",
        study.numbers(least, "fall") | _numbers(study, more, "more"),
    )


def same_size_at_all_ranks(scaling: str) -> Test:
    """The first step's update is of comparable size at all ranks: its norm goes as about r^0.

    The exponent is the slope of log norm by log rank, for each optimiser, with the interval of
    ordinary least squares over the ranks; it is to lie within a quarter of 0.
    """

    def test(study: Study) -> Verdict:
        ranks = _several(study)
        if len(ranks) < 3:
            raise CannotTell("an exponent with an interval takes three ranks of the theory stage")
        order = np.argsort(part(study.theory, "theory", "ranks"))
        exponents = {}
        for optimizer in OPTIMIZERS:
            path = ("scalings", "optimizers", optimizer, "scalings", scaling, "curves")
            curves = np.array(part(study.theory, "theory", *path, "update_norm"))[order]
            exponents[optimizer] = _slope(np.log(ranks), np.log(curves[:, 1]))
        statements = [one for slope in exponents.values() for one in slope.within(COMPARABLE)]
        return Verdict(
            every(statements, study.alpha),
            "exponent of the rank in the size of the first step's update (0: the same at all "
            f"ranks), held against {COMPARABLE:g}",
            _numbers(study, exponents, "exponent"),
        )

    return test


def _by_optimizer(study: Study, key: str, fixed_sign: int) -> dict[str, Estimate]:
    """Return fixed less proportional (or the reverse) at the largest rank, by optimiser."""
    _several(study)
    found = {}
    for optimizer in OPTIMIZERS:
        fixed, proportional = (
            scaling_table(study, optimizer, scaling, key)[-1]
            for scaling in ("fixed", "proportional")
        )
        found[optimizer] = over_seeds((fixed_sign * (fixed - proportional)).tolist(), "the update")
    return found


def _numbers(study: Study, estimates: dict[str, Estimate], name: str) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for optimizer, estimate in estimates.items():
        numbers |= study.numbers(estimate, f"{name}_{optimizer}")
    return numbers


def _slope(x: np.ndarray, y: np.ndarray) -> Estimate:
    line = linregress(x, y)
    degrees, error = len(x) - 2, float(line.stderr)
    return Estimate(float(line.slope), lambda alpha: float(student.isf(alpha, degrees)) * error)


def _several(study: Study) -> list[int]:
    ranks = theory_ranks(study)
    if len(ranks) < 2:
        raise CannotTell(f"the theory stage has one rank, {ranks[0]}")
    return ranks
