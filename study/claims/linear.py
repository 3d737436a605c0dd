"""Claims about the linear model, where the best update of every rank is known in closed form.

Tables of metrics/theory.json are [rank][seed]; a difference of two ranks is taken seed by seed and
has Student's t interval over the seeds. Losses and risks contain the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.claims.advice import run
from study.claims.estimates import over_seeds
from study.claims.evidence import Study, part
from study.claims.statements import Statement, above
from study.claims.verdicts import (
    COMPUTED,
    CONSTRUCTION,
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Verdict,
    exactly,
)
from study.words.phrases import share, significant

Table = NDArray[np.float64]

ISOTROPIC, ANISOTROPIC = "isotropic", "anisotropic"
SEEDS = "theory.seeds"
CLOSE = 1.01
"""Up to this ratio a loss tracks its bound."""

MATTERS = 0.05
"""A rank matters that leaves at least this share of the error there is without any update."""

_ROUNDING = 1e-9  # relative, of sums that should be equal
_LOSS_ROUNDING = 1e-6  # relative, of a trained loss


def left_out_singular_values(study: Study) -> Verdict:
    """The least error of rank r is the sum of the squared singular values beyond the r-th.

    Of isotropic inputs, whose risk is the squared distance to Delta, plus the noise. That the error
    is reached is checked on the risk of Delta cut to every rank; that none is lower, on what
    training reached, which never came below the same bound of its sample.
    """
    values = np.array(_bound(study, ISOTROPIC, "singular_values"))
    floor, reached = (
        np.array(_bound(study, ISOTROPIC, "population", key)) for key in ("floor", "truncation")
    )
    left = np.append(np.cumsum((values**2)[::-1])[::-1], 0.0)
    apart = float(np.max(np.abs(floor + left - reached) / reached))
    least = min(float(_table(study, kind, "ratio").min()) for kind in (ISOTROPIC, ANISOTROPIC))
    return Verdict(
        exactly(apart <= _ROUNDING and least >= 1 - _LOSS_ROUNDING),
        "two checks. At every rank, how far the error of the change cut by SVD is from that sum, "
        "as a share of it. And how near a trained update's loss came to the least that is "
        "possible on its sample: as a multiple of it, never below 1",
        {"largest_relative_difference": apart, "least_trained_ratio": least},
        COMPUTED,
    )


def truncation_is_best(study: Study) -> Verdict:
    """Delta cut to rank r by SVD has the smallest risk also where inputs favour some directions.

    Refuted if at some rank its risk above the noise is over 1.01 times the smallest. Asked are the
    ranks that matter: those whose smallest risk leaves a twentieth or more of what there is to
    explain. Beyond them a large ratio is one of two numbers that are next to nothing.
    """
    if part(study.theory_bound, "theory_bound", "settings", "condition_number") == 1:
        raise CannotTell("the settings' inputs favour no direction (theory.condition_number is 1)")
    over = {kind: _over_the_least(study, kind) for kind in (ISOTROPIC, ANISOTROPIC)}
    if not all(over.values()):
        raise CannotTell(
            f"rank 1 leaves less than {share(MATTERS)} of the error, so at no rank is there "
            "anything to lose (`theory.decay`)"
        )
    worst = {kind: max(ratios.values()) for kind, ratios in over.items()}
    return Verdict(
        exactly(max(worst.values()) <= CLOSE),
        "error of the change cut by SVD, noise left out, as a multiple of the least that its rank "
        f"can have, at the ranks that leave {share(MATTERS)} or more of the error without any "
        "update. Told is the worst rank, where inputs favour no direction (isotropic) and where "
        "they do (anisotropic)",
        {**worst, "asked": "; ".join(_asked(kind, ratios) for kind, ratios in over.items())},
        COMPUTED,
    )


def _asked(kind: str, ratios: Mapping[int, float]) -> str:
    """Write of one kind of input which ranks were asked, and between which ends they lie."""
    ends = dict.fromkeys(significant(found(ratios.values())) for found in (min, max))
    ranks = dict.fromkeys(str(found(ratios)) for found in (min, max))
    where = f"rank{'s' * (len(ranks) > 1)} {' to '.join(ranks)}"
    return f"{kind}, {' to '.join(ends)} at {where}"


def _over_the_least(study: Study, kind: str) -> dict[int, float]:
    """Return by rank, of those that matter, the risk of Delta cut down over the least, less noise.

    Ranks of a bound stand one after the other from 0, no update, whose risk is all there is.
    """
    least = np.array(_bound(study, kind, "population", "bound"))
    left = least - _bound(study, kind, "population", "floor")
    ratios = _bound(study, kind, "population", "truncation_over_bound")
    return {
        rank: ratios[rank] for rank in range(1, len(left)) if left[rank] >= MATTERS * left[0] > 0
    }


def learned_tracks_bound(study: Study) -> Verdict:
    """The trained update's loss is at most 1.01 times the exact bound at every rank and seed.

    Refuted if at some rank no seed gets so near.
    """
    tables = [_table(study, kind, "ratio") for kind in (ISOTROPIC, ANISOTROPIC)]
    worst = max(float(table.max()) for table in tables)
    missed = any((table > CLOSE).all(axis=1).any() for table in tables)
    return Verdict(
        HOLDS if worst <= CLOSE else FAILS if missed else UNTOLD,
        f"training loss of the trained update as a multiple of the least that its rank can have: "
        f"the worst of {len(_ranks(study))} ranks and {tables[0].shape[1]} seeds, for both kinds "
        f"of input. Up to {CLOSE:g} counts as tracking it",
        {"worst_ratio": worst},
    )


def fit_improves(study: Study) -> Verdict:
    """With every larger rank the update fits its training sample better."""
    why = "whether the training loss falls from each rank to the next"
    return study.every(fit_falls(study), why)


def truth_comes_nearer(study: Study) -> Verdict:
    """With every larger rank the update comes nearer to the true difference of the weights.

    For isotropic inputs the risk is the squared distance to it, plus the noise.
    """
    falls = _falls(study, "population_risk", "squared distance to the true change")
    why = "whether the squared distance to the true change falls from each rank to the next"
    return study.every(falls, why)


def starts_at_the_base(study: Study) -> Verdict:
    """Before the first step, at every rank and scaling, the update is 0 and the loss the base's."""
    losses, norms = [], []
    for optimizer in part(study.theory, "theory", "scalings", "optimizers").values():
        for scaling in optimizer["scalings"].values():
            losses += [curve[0] for curve in scaling["curves"]["loss"]]
            norms += [curve[0] for curve in scaling["curves"]["update_norm"]]
    samples = part(study.theory_bound, "theory_bound", "inputs", ISOTROPIC, "samples")
    base = float(np.mean([sample["bound"][0] for sample in samples]))
    apart = float(np.max(np.abs(np.array(losses) - base))) / base
    return Verdict(
        exactly(max(norms) == 0 and apart <= _ROUNDING),
        "in the linear model, size of the update before the first step, and how far the loss is "
        "from the base's, over all ranks, scalings and optimisers",
        {"largest_update": max(norms), "largest_relative_difference": apart},
        CONSTRUCTION,
    )


def no_u_shape(study: Study) -> Verdict:
    """With alpha in proportion to r the largest rank is not worse on new data than a smaller one.

    For either optimiser; tested on the risk after training, against every smaller rank.
    """
    ranks = several_theory_ranks(study)
    saved = []
    for optimizer in ("sgd", "adam"):
        risk = scaling_table(study, optimizer, "proportional", "population_risk")
        for rank, row in zip(ranks[:-1], risk, strict=False):
            estimate = over_seeds((row - risk[-1]).tolist(), "the risk", SEEDS)
            what = f"the error of rank {rank} minus that of rank {ranks[-1]} ({optimizer})"
            saved.append(above(what, estimate))
    return study.every(
        saved,
        f"whether every smaller rank has a larger squared error on new data than rank "
        f"{ranks[-1]}, with either optimiser",
    )


def scaling_table(study: Study, optimizer: str, scaling: str, key: str) -> Table:
    """Return what an optimiser reached with a scaling, (ranks, seeds), ranks ascending."""
    path = ("scalings", "optimizers", optimizer, "scalings", scaling, key)
    return np.array(part(study.theory, "theory", *path))[_order(study)]


def theory_ranks(study: Study) -> list[int]:
    """Return the ranks that the theory stage trained, ascending."""
    return sorted(_ranks(study))


def fit_falls(study: Study) -> list[Statement]:
    """State that the fully trained update's loss falls from each rank to the next."""
    return _falls(study, "train_loss", "loss on the training sample")


def _falls(study: Study, key: str, what: str) -> list[Statement]:
    ranks, table = several_theory_ranks(study), _table(study, ISOTROPIC, key)
    return [
        above(
            f"the fall of the {what} from rank {small} to {large}",
            over_seeds((before - after).tolist(), f"the {what}", SEEDS),
        )
        for (small, before), (large, after) in pairwise(zip(ranks, table, strict=True))
    ]


def several_theory_ranks(study: Study) -> list[int]:
    """Return the ranks that the theory stage trained, ascending.

    Raises:
        CannotTell: there is only one.
    """
    ranks = theory_ranks(study)
    if len(ranks) < 2:
        command = run("theory.ranks=[1,2,4,8,16,32]")
        raise CannotTell(f"the theory stage has one rank, {ranks[0]}: {command}")
    return ranks


def _ranks(study: Study) -> list[int]:
    ranks: list[int] = part(study.theory, "theory", "ranks")
    return ranks


def _order(study: Study) -> NDArray[np.int64]:
    return np.argsort(_ranks(study))


def _table(study: Study, kind: str, key: str) -> Table:
    table: Table = np.array(part(study.theory, "theory", "learned", kind, key))[_order(study)]
    return table


def _bound(study: Study, kind: str, *keys: str) -> Any:
    return part(study.theory_bound, "theory_bound", "inputs", kind, *keys)
