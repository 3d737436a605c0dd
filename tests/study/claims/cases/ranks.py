"""Claims about one LoRA rank against another."""

from __future__ import annotations

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import FALLING, SCATTERED, arm, study

ONE_RANK = study({8: 0.8})
LEVEL = study({1: 0.8, 2: 0.8, 4: 0.8, 8: 0.8, 16: 0.8, 64: 0.8})
RISING = study({1: 0.70, 2: 0.73, 4: 0.76, 8: 0.80, 16: 0.84, 64: 0.88})
FALLS = study({1: 0.84, 2: 0.84, 4: 0.84, 8: 0.84, 16: 0.80, 64: 0.76})
UNSURE = study({1: 0.8, 2: SCATTERED, 4: 0.8, 8: SCATTERED, 16: 0.8, 64: SCATTERED})


def fits_better(accuracy: float, last: float) -> object:
    """A rank 64 with another loss in its last quarter."""
    return arm("lora", 64, accuracy, losses=(*FALLING[:3], last))


# Differences of 4 points, between the middle margin and the widest.
BETWEEN = (0.5, 1.0, 9.0)
UP = study({1: 0.80, 8: 0.84}, margins=BETWEEN)
TOP_UP = study({8: 0.80, 16: 0.80, 64: 0.84}, margins=BETWEEN)
DOWN = study({1: 0.84, 8: 0.80}, margins=BETWEEN)
LIMIT = "rank 64 minus rank 8 {} 1 point"

CASES = [
    Case(
        "gains_up_to_8",
        YES,
        UP,
        "more than 1 point from rank 1 to 8",
        {"tested": "rank 8 minus rank 1 above 1 point", "value": 4.0, "level": 0.95},
    ),
    Case(
        "saturates_at_8",
        NO,
        TOP_UP,
        "ranks 16 and 64",
        {
            "tested": LIMIT.format("below"),
            "value": 4.0,
            "level": 0.975,
            "correction": "Bonferroni over 2",
            "shown": "1 of 2",
        },
    ),
    # What decides is not the largest mean: rank 16's is small and unsure.
    Case(
        "saturates_at_8",
        OPEN,
        study({8: 0.80, 16: SCATTERED, 64: 0.805}),
        numbers={
            "tested": "rank 16 minus rank 8 below 1 point",
            "value": 0.0,
            "level": 0.95,
            "shown": "1 of 2",
        },
    ),
    Case(
        "low_rank_underfits",
        YES,
        TOP_UP,
        numbers={"tested": LIMIT.format("above"), "value": 4.0, "correction": "Bonferroni over 2"},
    ),
    Case(
        "low_rank_underfits",
        NO,
        study({8: 0.80, 16: 0.80, 64: 0.804}),
        numbers={
            "tested": LIMIT.format("above"),
            "value": 0.4,
            "correction": "none, as all of 2 have to be refuted",
        },
    ),
    Case(
        "diminishing_returns",
        NO,
        UP,
        numbers={"tested": "rank 8 minus rank 1 below 1 point", "value": 4.0, "level": 0.95},
    ),
    Case(
        "no_u_shape_once_scaled",
        NO,
        DOWN,
        numbers={"tested": "rank 1 minus rank 8 below 1 point", "value": 4.0},
    ),
    Case(
        "high_rank_overfits",
        YES,
        DOWN,
        numbers={"tested": "rank 1 minus rank 8 above 1 point", "value": 4.0},
    ),
    Case("rank_8_equals_64", NO, TOP_UP, numbers={"tested": LIMIT.format("below"), "value": 4.0}),
    Case(
        "start_with_8",
        NO,
        DOWN,
        numbers={
            "tested": "rank 1 minus rank 8 below 1 point",
            "value": 4.0,
            "candidate": "rank 8",
        },
    ),
    Case(
        "start_with_4_to_16",
        NO,
        study({4: 0.80, 8: 0.82, 16: 0.81, 64: 0.86}, margins=BETWEEN),
        numbers={"tested": LIMIT.format("below"), "value": 4.0, "candidate": "rank 8"},
    ),
    Case(
        "tiny_ranks_are_strong",
        YES,
        study({1: 0.82, 2: 0.80, 8: 0.84, 16: 0.83}, margins=BETWEEN),
        numbers={"tested": "rank 8 minus rank 2 below 9 points", "value": 4.0, "shown": "4 of 4"},
    ),
    Case(
        "falls_are_noise",
        NO,
        study({1: 0.84, 8: 0.80, 16: 0.83, 64: 0.82}, margins=BETWEEN),
        "2 of 3",
        {
            "tested": "rank 1 minus rank 8 below 1 point",
            "value": 4.0,
            "fell_from": "1 to 8, 16 to 64",
        },
    ),
    Case(
        "no_dramatic_change",
        YES,
        UP,
        numbers={"tested": "rank 8 minus rank 1 below 9 points", "value": 4.0},
    ),
    Case(
        "alike_from_16",
        NO,
        study({16: 0.8, 32: 0.81, 64: 0.84}, margins=BETWEEN),
        numbers={
            "tested": "rank 64 minus rank 16 below 1 point",
            "value": 4.0,
            "correction": "Bonferroni over 6",
        },
    ),
    # Of several larger ranks one gains much: no point of diminishing returns is there yet.
    Case(
        "diminishing_returns",
        YES,
        study({1: 0.7, 2: 0.8, 4: 0.8, 8: 0.7}),
        numbers={
            "candidate": "rank 2",
            "level": 1 - 0.05 / 3,
            "correction": "Bonferroni over 3 ranks",
        },
    ),
    Case("diminishing_returns", OPEN, study({1: 0.7, 2: SCATTERED, 4: 0.8})),
    # Rank 8 misses much beside 16, which is itself enough.
    Case(
        "start_with_4_to_16",
        YES,
        study({4: 0.7, 8: 0.75, 16: 0.8, 64: 0.8}),
        numbers={"candidate": "rank 16", "value": 0.0, "correction": "Bonferroni over 3 ranks"},
    ),
    Case("start_with_4_to_16", OPEN, study({4: 0.7, 8: SCATTERED, 64: 0.8})),
    Case("tiny_ranks_are_strong", OPEN, study({4: 0.8, 8: 0.8}), "rank 1 or 2"),
    Case("rank_8_equals_64", OPEN, study({1: 0.7, 8: 0.8}), "its largest is 8"),
    Case("saturates_at_32", YES, study({32: 0.8, 64: 0.8})),
    Case("saturates_at_32", NO, study({32: 0.8, 64: 0.9})),
    Case("saturates_at_32", OPEN, study({1: 0.8, 32: 0.8}), "lora.ranks=[1,32,64]"),
    # Two seeds of 2,000 sentences: 2 points are many standard errors, 0.1 points are none.
    Case(
        "seeds_matter",
        YES,
        study({8: (0.80, 0.82)}, seeds=[3, 5], full=0.85),
        numbers={
            "tested": "LoRA, rank 8, seed 3 minus seed 5 below -0.5 points",
            "value": -2.0,
            "over": "test sentences",
            "correction": "Bonferroni over 4",
        },
    ),
    Case("seeds_matter", NO, study({8: (0.800, 0.801)}, seeds=[0, 1])),
    Case("seeds_matter", OPEN, study({8: (0.800, 0.806)}, seeds=[0, 1]), "data.test_size"),
    Case("seeds_matter", OPEN, study(seeds=[0]), "seeds=[0,1,2]"),
    Case("gains_up_to_8", YES, RISING),
    Case("gains_up_to_8", NO, LEVEL),
    Case("gains_up_to_8", OPEN, UNSURE),
    Case("gains_up_to_8", OPEN, ONE_RANK, "no rank below 8"),
    Case("gains_up_to_8", OPEN, study({1: 0.7, 4: 0.8}), "no rank 8"),
    Case("saturates_at_8", YES, LEVEL),
    Case("saturates_at_8", NO, RISING),
    Case("saturates_at_8", OPEN, UNSURE),
    Case("saturates_at_8", OPEN, study({4: 0.8, 8: 0.8}), "no rank above 8"),
    Case("saturates_at_4", YES, LEVEL),
    Case("saturates_at_4", NO, RISING),
    Case("saturates_at_4", OPEN, UNSURE),
    Case("diminishing_returns", YES, LEVEL, numbers={"candidate": "rank 1"}),
    Case(
        "diminishing_returns",
        YES,
        study({1: 0.7, 2: 0.8, 4: 0.8}),
        numbers={"candidate": "rank 2"},
    ),
    Case("diminishing_returns", NO, RISING),
    Case("diminishing_returns", OPEN, study({1: 0.8, 2: SCATTERED})),
    Case("diminishing_returns", OPEN, ONE_RANK, "one rank"),
    Case("no_u_shape_once_scaled", YES, RISING),
    Case("no_u_shape_once_scaled", NO, FALLS),
    Case("no_u_shape_once_scaled", OPEN, UNSURE),
    Case("no_u_shape_once_scaled", OPEN, study({1: 0.7, 8: 0.8}, scaling="fixed"), "fixed"),
    Case("high_rank_overfits", YES, FALLS),
    Case("high_rank_overfits", NO, RISING),
    Case("high_rank_overfits", OPEN, UNSURE),
    Case("capacity_not_overfitting", YES, study({1: 0.8, 64: fits_better(0.82, 0.2)})),
    Case("capacity_not_overfitting", NO, study({1: 0.8, 64: fits_better(0.75, 0.2)})),
    Case("capacity_not_overfitting", NO, study({1: 0.8, 64: fits_better(0.82, 0.5)})),
    Case("capacity_not_overfitting", OPEN, UNSURE),
    Case("capacity_not_overfitting", OPEN, study({1: 0.8, 2: 0.8}, seeds=[0]), "one seed"),
    Case("low_rank_underfits", YES, RISING),
    Case("low_rank_underfits", NO, LEVEL),
    Case("low_rank_underfits", OPEN, UNSURE),
    Case("low_rank_underfits", OPEN, ONE_RANK, "one rank"),
    Case("tiny_ranks_are_strong", YES, LEVEL),
    Case("tiny_ranks_are_strong", NO, RISING),
    Case("tiny_ranks_are_strong", OPEN, UNSURE),
    Case("tiny_ranks_are_strong", OPEN, ONE_RANK),
    Case("band_below_1_point", YES, study({1: 0.800, 2: 0.801})),
    Case("band_below_1_point", NO, study({1: 0.80, 2: 0.82})),
    Case("band_below_1_point", NO, study({1: 0.82, 2: 0.80})),
    Case("band_below_1_point", OPEN, UNSURE),
    Case("band_below_1_point", OPEN, ONE_RANK),
    Case("falls_are_noise", YES, study({1: 0.80, 2: 0.799, 4: 0.85})),
    Case("falls_are_noise", NO, FALLS),
    Case("falls_are_noise", OPEN, UNSURE),
    Case("falls_are_noise", OPEN, RISING, "nothing to explain"),
    Case("no_dramatic_change", YES, LEVEL),
    Case("no_dramatic_change", NO, RISING),
    Case("no_dramatic_change", OPEN, UNSURE),
    Case("alike_from_16", YES, LEVEL),
    Case("alike_from_16", NO, RISING),
    Case("alike_from_16", OPEN, UNSURE),
    Case("alike_from_16", OPEN, study({1: 0.7, 16: 0.8}), "fewer than two"),
    Case("rank_8_equals_64", YES, LEVEL),
    Case("rank_8_equals_64", NO, RISING),
    Case("rank_8_equals_64", OPEN, study({8: 0.8, 64: SCATTERED})),
    Case("rank_8_equals_64", OPEN, study({8: 0.8, 32: 0.8}), "lora.ranks=[8,32,64]"),
    Case("rank_8_equals_64", OPEN, study({4: 0.8, 64: 0.8}), "no rank 8"),
    Case("start_with_4_to_16", YES, LEVEL),
    Case("start_with_4_to_16", NO, RISING),
    Case("start_with_4_to_16", OPEN, study({1: 0.8, 4: SCATTERED})),
    Case("start_with_4_to_16", OPEN, study({1: 0.8, 2: 0.8}), "no rank from 4 to 16"),
    Case("start_with_8", YES, LEVEL),
    Case("start_with_8", NO, RISING),
    Case("start_with_8", NO, study({1: 0.85, 8: 0.8})),
    Case("start_with_8", OPEN, UNSURE),
]
