"""Claims about the linear model, where the best update of every rank is known in closed form.

Tables of metrics/theory.json are [rank][seed]; a difference of two ranks is taken seed by seed and
has Student's t interval over the seeds. Losses and risks contain the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.claims.evidence import Study, part
from study.claims.verdicts import (
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Estimate,
    Numbers,
    Verdict,
    every,
    exactly,
    over_seeds,
)

Table = NDArray[np.float64]

ISOTROPIC, ANISOTROPIC = "isotropic", "anisotropic"
CLOSE = 1.01
"""Up to this ratio a loss tracks its bound."""

_ROUNDING = 1e-9  # relative, of sums that should be equal


def left_out_singular_values(study: Study) -> Verdict:
    """The smallest risk at rank r is the noise plus the squared singular values beyond the r-th.

    Those of Delta Sigma^1/2; checked at every rank, for either kind of input.
    """
    worst = 0.0
    for kind in (ISOTROPIC, ANISOTROPIC):
        values = np.array(_bound(study, kind, "singular_values"))
        floor, bound = (_bound(study, kind, "population", key) for key in ("floor", "bound"))
        left = np.append(np.cumsum((values**2)[::-1])[::-1], 0.0)
        worst = max(worst, float(np.max(np.abs(floor + left - bound) / np.array(bound))))
    return Verdict(
        exactly(worst <= _ROUNDING),
        "the closed form against the risk of the best update, at every rank and for both kinds of "
        "input",
        {"largest_relative_difference": worst},
    )


def truncation_is_best(study: Study) -> Verdict:
    """Delta cut to rank r by SVD has the smallest risk also where inputs favour some directions.

    Refuted if at some rank its risk above the noise is over 1.01 times the smallest.
    """
    if part(study.theory_bound, "theory_bound", "settings", "condition_number") == 1:
        raise CannotTell("the settings' inputs favour no direction (theory.condition_number is 1)")
    over = {}
    for kind in (ISOTROPIC, ANISOTROPIC):
        ratios = _bound(study, kind, "population", "truncation_over_bound")
        over[kind] = max(ratio for ratio in ratios if ratio is not None)
    return Verdict(
        exactly(max(over.values()) <= CLOSE),
        "risk above the noise of the plainly truncated difference, as a multiple of the smallest; "
        "the largest over ranks",
        over,
    )


def learned_tracks_bound(study: Study) -> Verdict:
    """The trained update's loss is at most 1.01 times the exact bound at every rank and seed.

    Refuted if at some rank no seed gets so near.
    """
    tables = [_table(study, kind, "ratio") for kind in (ISOTROPIC, ANISOTROPIC)]
    worst = max(float(table.max()) for table in tables)
    missed = any((table > CLOSE).all(axis=1).any() for table in tables)
    return Verdict(
        HOLDS if worst <= CLOSE else FAILS if missed else UNTOLD,
        f"loss of the trained update over the exact bound, the worst of {len(_ranks(study))} ranks "
        f"and {tables[0].shape[1]} seeds, for both kinds of input",
        {"worst_ratio": worst},
    )


def fit_improves(study: Study) -> Verdict:
    """With every larger rank the update fits its training sample better."""
    return _falls(study, "train_loss", "loss on the training sample")


def truth_comes_nearer(study: Study) -> Verdict:
    """With every larger rank the update comes nearer to the true difference of the weights.

    For isotropic inputs the risk is the squared distance to it, plus the noise.
    """
    return _falls(study, "population_risk", "squared distance to the true difference, plus noise")


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
        "size of the update before the first step, and how far the loss is from the base's, over "
        "all ranks, scalings and optimisers",
        {"largest_update": max(norms), "largest_relative_difference": apart},
    )


def no_u_shape(study: Study) -> Verdict:
    """With alpha in proportion to r the largest rank is not worse on new data than a smaller one.

    For either optimiser; tested on the risk after training, against every smaller rank.
    """
    ranks = _several(study)
    falls: dict[str, Estimate] = {}
    for optimizer in ("sgd", "adam"):
        risk = scaling_table(study, optimizer, "proportional", "population_risk")
        for row in range(len(ranks) - 1):
            values = risk[row] - risk[-1]
            falls[f"{optimizer}, rank {ranks[row]}"] = over_seeds(values.tolist(), "the risk")
    worst = min(falls, key=lambda key: falls[key].value)
    return Verdict(
        every(list(falls.values()), study.alpha),
        f"risk on new data of each smaller rank less that of rank {ranks[-1]}; least for {worst}",
        study.numbers(falls[worst], "risk_saved"),
    )


def scaling_table(study: Study, optimizer: str, scaling: str, key: str) -> Table:
    """Return what an optimiser reached with a scaling, (ranks, seeds), ranks ascending."""
    path = ("scalings", "optimizers", optimizer, "scalings", scaling, key)
    return np.array(part(study.theory, "theory", *path))[_order(study)]


def theory_ranks(study: Study) -> list[int]:
    """Return the ranks that the theory stage trained, ascending."""
    return sorted(_ranks(study))


def falls_with_rank(study: Study, table: Table, what: str) -> list[Estimate]:
    """Return by how much a quantity (ranks, seeds) falls from each rank to the next."""
    _several(study)
    return [over_seeds((a - b).tolist(), what) for a, b in pairwise(table)]


def fit_falls(study: Study) -> list[Estimate]:
    """Return by how much the fully trained update's loss falls from each rank to the next."""
    return falls_with_rank(study, _table(study, ISOTROPIC, "train_loss"), "the loss")


def _falls(study: Study, key: str, words: str) -> Verdict:
    ranks = _several(study)
    falls = falls_with_rank(study, _table(study, ISOTROPIC, key), words)
    least = min(range(len(falls)), key=lambda i: falls[i].value)
    return Verdict(
        every(falls, study.alpha),
        f"{words}: how far it falls from each rank to the next; least from {ranks[least]} to "
        f"{ranks[least + 1]}",
        _least(study, falls[least], ranks[least : least + 2]),
    )


def _least(study: Study, fall: Estimate, ranks: Sequence[int]) -> Numbers:
    return {"from_rank": ranks[0], "to_rank": ranks[1]} | study.numbers(fall, "fall")


def _several(study: Study) -> list[int]:
    ranks = theory_ranks(study)
    if len(ranks) < 2:
        raise CannotTell(f"the theory stage has one rank, {ranks[0]}")
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
