"""Claims about the linear model and the scaling of alpha."""

from __future__ import annotations

import math
from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import THEORY, THEORY_BOUND, changed, study, table

FIRST = "scalings.optimizers.sgd.scalings."
LEARNED = "learned.isotropic."
PLAIN = study()
WILD = [[5.0, 1.0, 9.0], [1.0, 9.0, 5.0], [9.0, 5.0, 1.0]]


def theory(path: str, value: Any) -> Any:
    return study(theory=changed(THEORY, path, value))


def first_steps(scaling: str, *norms: float) -> Any:
    """Both optimisers' first update with this scaling, by rank."""
    record = THEORY
    for optimizer in ("sgd", "adam"):
        path = f"scalings.optimizers.{optimizer}.scalings.{scaling}.curves.update_norm"
        record = changed(record, path, [[0.0, norm] for norm in norms])
    return study(theory=record)


def bound(path: str, value: Any) -> Any:
    return study(theory_bound=changed(THEORY_BOUND, path, value))


def leaving(*left: float, truncation: tuple[float | None, ...]) -> Any:
    """Ranks 1 and 2 leave so much above the noise of the 5 without an update, for either input."""
    record: Any = THEORY_BOUND
    for kind in ("isotropic", "anisotropic"):
        path = f"inputs.{kind}.population."
        record = changed(record, f"{path}bound", [6.0, *(1.0 + part for part in left)])
        record = changed(record, f"{path}truncation_over_bound", list(truncation))
    return record


def one_seed(value: Any) -> Any:
    """A record's tables with their first seed alone."""
    if isinstance(value, dict):
        return {k: v if k in ("ranks", "curves") else one_seed(v) for k, v in value.items()}
    return [row[:1] for row in value]


ONE_SEED = study(theory=one_seed(THEORY))
ONE_RANK = study(theory=changed(THEORY, "ranks", [4]))


def sizes(*by_rank: float, scaling: str = "fixed", seeds: int = 3) -> Any:
    """Norms of the transformer's update by rank, of two matrices (3 and 4 make 5)."""
    rows = [
        {"rank": 2**i, "seed": seed, "norm": part * (norm + 0.001 * seed)}
        for i, norm in enumerate(by_rank)
        for seed in range(seeds)
        for part in (0.6, 0.8)
    ]
    return study(scaling=scaling, spectra={"lora": rows})


FIXED, PROPORTIONAL = f"{FIRST}fixed.", f"{FIRST}proportional."

CASES = [
    Case(
        "rank_expresses_scaling_optimises",
        YES,
        theory(f"{LEARNED}train_loss", table(5.0, 4.0, 3.8)),
        "fully trained",
        {
            "tested": "the fall of the loss on the training sample from rank 2 to 4 above 0",
            "value": 0.2,
            "shown": "4 of 4",
        },
    ),
    Case(
        "proportional_alpha_trains_all",
        YES,
        theory(f"{PROPORTIONAL}unreached", table(0.0, 0.05, 0.0)),
        "less than a share of 0.1",
        {"tested": "the share left unreached at rank 2 (sgd) below 0.1", "value": 0.05},
    ),
    # The slope of three points has one degree of freedom: tan(0.475 pi) = 12.7 standard errors.
    Case(
        "alpha_over_r_same_size",
        OPEN,
        first_steps("fixed", 1.0, 0.5, 0.2),
        numbers={
            "tested": "the exponent of the rank (sgd) above -0.25",
            "value": math.log2(0.2) / 2,
            "high": math.log2(0.2) / 2
            + math.tan(0.475 * math.pi) * abs(math.log2(0.8)) / math.sqrt(12),
            "over": "ranks",
        },
    ),
    Case(
        "linear_fit_improves_with_rank",
        YES,
        theory(f"{LEARNED}train_loss", table(5.0, 4.0, 3.8)),
        numbers={
            "tested": "the fall of the loss on the training sample from rank 2 to 4 above 0",
            "value": 0.2,
            "level": 0.95,
            "correction": "none, as all of 2 have to be shown",
        },
    ),
    Case(
        "linear_no_u_shape",
        NO,
        theory(f"{PROPORTIONAL}population_risk", table(5.0, 3.0, 4.0)),
        numbers={
            "tested": "the error of rank 2 minus that of rank 4 (sgd) above 0",
            "value": -1.0,
            "level": 0.9875,
            "correction": "Bonferroni over 4",
            "shown": "3 of 4",
        },
    ),
    Case(
        "starts_as_the_base",
        NO,
        theory(f"{FIXED}curves.update_norm", [[0.1, 1.0], [0.2, 1.0], [0.0, 1.0]]),
        numbers={"largest_update": 0.2},
    ),
    Case("linear_bound", YES, PLAIN),
    Case("linear_bound", NO, bound("inputs.isotropic.singular_values", [2.0, 1.1])),
    Case("linear_bound", NO, bound("inputs.isotropic.population.truncation", [6.0, 2.1, 1.0])),
    Case("linear_bound", NO, theory(f"{LEARNED}ratio", [[1.0, 0.99, 1.0]] * 3)),
    Case("linear_truncation_is_best", YES, PLAIN),
    Case(
        "linear_truncation_is_best",
        NO,
        bound("inputs.anisotropic.population.truncation_over_bound", [1.0, 1.4, None]),
        numbers={
            "isotropic": 1.0,
            "anisotropic": 1.4,
            "asked": "isotropic, 1 at rank 1; anisotropic, 1.4 at rank 1",
        },
    ),
    # Of 5 rank 2 leaves 0.0001, and there the cut errs 12 times as much: that is next to nothing.
    Case(
        "linear_truncation_is_best",
        YES,
        study(theory_bound=leaving(1.0, 0.0001, truncation=(1.0, 1.0, 12.0))),
        numbers={"anisotropic": 1.0},
    ),
    Case(
        "linear_truncation_is_best",
        NO,
        study(theory_bound=leaving(1.0, 0.5, truncation=(1.0, 1.2, 1.5))),
        numbers={
            "asked": "isotropic, 1.2 to 1.5 at ranks 1 to 2; anisotropic, 1.2 to 1.5 at "
            "ranks 1 to 2"
        },
    ),
    Case(
        "linear_truncation_is_best",
        OPEN,
        study(theory_bound=leaving(0.2, 0.0, truncation=(1.0, 12.0, None))),
        "less than 5 % of the error",
    ),
    Case(
        "linear_truncation_is_best", OPEN, bound("settings.condition_number", 1.0), "no direction"
    ),
    Case("linear_learned_tracks_bound", YES, PLAIN),
    Case(
        "linear_learned_tracks_bound",
        NO,
        theory(f"{LEARNED}ratio", [[1.0] * 3, [1.2] * 3, [1.0] * 3]),
    ),
    Case("linear_learned_tracks_bound", OPEN, theory(f"{LEARNED}ratio", [[1.0, 1.2, 1.0]] * 3)),
    Case("linear_fit_improves_with_rank", YES, PLAIN),
    Case("linear_fit_improves_with_rank", NO, theory(f"{LEARNED}train_loss", table(5.0, 4.0, 4.5))),
    Case("linear_fit_improves_with_rank", OPEN, theory(f"{LEARNED}train_loss", WILD)),
    Case("linear_fit_improves_with_rank", OPEN, ONE_SEED, "one seed"),
    Case("linear_fit_improves_with_rank", OPEN, ONE_RANK, "one rank"),
    Case("linear_weights_improve_with_rank", YES, PLAIN),
    Case(
        "linear_weights_improve_with_rank",
        NO,
        theory(f"{LEARNED}population_risk", table(5.0, 4.0, 4.5)),
    ),
    Case("linear_weights_improve_with_rank", OPEN, theory(f"{LEARNED}population_risk", WILD)),
    Case("linear_no_u_shape", YES, PLAIN),
    Case("linear_no_u_shape", NO, theory(f"{PROPORTIONAL}population_risk", table(5.0, 3.0, 4.0))),
    Case("linear_no_u_shape", OPEN, theory(f"{PROPORTIONAL}population_risk", WILD)),
    Case("linear_no_u_shape", OPEN, ONE_SEED, "one seed"),
    Case("starts_as_the_base", YES, PLAIN),
    Case("starts_as_the_base", NO, theory(f"{FIXED}curves.update_norm", [[0.1, 1.0]] * 3)),
    Case(
        "starts_as_the_base",
        NO,
        theory(f"{FIXED}curves.loss", [[9.0, 8.0], [9.1, 8.0], [9.0, 8.0]]),
    ),
    Case("fixed_alpha_shrinks_updates", YES, PLAIN),
    # At the largest rank fixed is below proportional, though it grows with the rank.
    Case(
        "fixed_alpha_shrinks_updates",
        YES,
        study(
            theory=changed(
                changed(THEORY, f"{FIXED}update_norm", [[0.1] * 3, [0.2] * 3, [0.3] * 3]),
                f"{PROPORTIONAL}update_norm",
                table(0.1, 0.5, 0.9),
            )
        ),
        "across ranks, with alpha fixed, the size is 0.1 at rank 1 and 0.3 at rank 4 by sgd",
        {"size_with_alpha_fixed_by_sgd": "rank 1: 0.1, rank 2: 0.2, rank 4: 0.3"},
    ),
    Case("fixed_alpha_shrinks_updates", NO, theory(f"{FIXED}update_norm", table(1.0, 1.0, 2.0))),
    Case("fixed_alpha_shrinks_updates", OPEN, theory(f"{FIXED}update_norm", WILD)),
    Case(
        "fixed_alpha_shrinks_transformer",
        YES,
        sizes(5.0, 4.0, 3.0),
        "Page",
        {
            "p_value_for_a_fall_over_ranks": 1 / 216,
            "size_at_rank_1": 5.001,
            "size_at_rank_4": 3.001,
        },
    ),
    Case("fixed_alpha_shrinks_transformer", NO, sizes(3.0, 4.0, 5.0)),
    Case("fixed_alpha_shrinks_transformer", OPEN, sizes(3.0, 5.0, 4.0)),
    Case("fixed_alpha_shrinks_transformer", OPEN, sizes(5.0, 4.0), "at least 3 ranks"),
    Case("fixed_alpha_shrinks_transformer", OPEN, sizes(5.0, 4.0, 3.0, seeds=1), "2 seeds"),
    Case(
        "fixed_alpha_shrinks_transformer",
        OPEN,
        sizes(5.0, 4.0, 3.0, scaling="rslora"),
        "lora.scaling=fixed",
    ),
    Case("fixed_alpha_hampers_large_ranks", YES, PLAIN, "The study's transformer does not decide"),
    Case("fixed_alpha_hampers_large_ranks", YES, study(scaling="fixed"), "mean training loss is"),
    Case("fixed_alpha_hampers_large_ranks", YES, study({8: 0.8}, scaling="fixed"), "one rank, 8"),
    Case(
        "fixed_alpha_hampers_large_ranks",
        NO,
        theory(f"{PROPORTIONAL}unreached", table(0.0, 0.0, 0.9)),
    ),
    Case("fixed_alpha_hampers_large_ranks", OPEN, theory(f"{FIXED}unreached", WILD)),
    Case("fixed_alpha_hampers_large_ranks", OPEN, ONE_RANK, "one rank"),
    Case("alpha_over_r_same_size", YES, first_steps("fixed", 1.0, 1.01, 1.0)),
    Case("alpha_over_r_same_size", NO, PLAIN),
    Case("alpha_over_r_same_size", OPEN, first_steps("fixed", 1.0, 9.0, 1.0)),
    Case("alpha_over_r_same_size", OPEN, study(theory=changed(THEORY, "ranks", [1, 2])), "three"),
    Case("proportional_alpha_same_size", YES, first_steps("proportional", 1.0, 1.01, 1.0)),
    Case("proportional_alpha_same_size", NO, PLAIN),
    Case("proportional_alpha_same_size", OPEN, first_steps("proportional", 1.0, 9.0, 1.0)),
    Case("proportional_alpha_trains_all", YES, PLAIN),
    Case(
        "proportional_alpha_trains_all",
        NO,
        theory(f"{PROPORTIONAL}unreached", table(0.0, 0.5, 0.0)),
    ),
    Case(
        "proportional_alpha_trains_all",
        OPEN,
        theory(f"{PROPORTIONAL}unreached", [[0.0, 0.3, 0.0]] * 3),
    ),
    Case("rank_expresses_scaling_optimises", YES, PLAIN),
    Case(
        "rank_expresses_scaling_optimises", NO, theory(f"{LEARNED}train_loss", table(5.0, 4.0, 4.5))
    ),
    Case(
        "rank_expresses_scaling_optimises", NO, theory(f"{FIXED}unreached", table(0.0, 0.0, -0.5))
    ),
    Case("rank_expresses_scaling_optimises", OPEN, ONE_SEED, "one seed"),
]
