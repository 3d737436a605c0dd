"""Claims about how training goes."""

from __future__ import annotations

from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import arm, study

SLOW = (0.7, 0.68, 0.66, 0.64)
FAST = (0.5, 0.3, 0.2, 0.1)
WILD = ((0.7, 0.1, 0.1, 0.1), (0.7, 0.9, 0.9, 0.6), (0.7, 0.5, 0.4, 0.3))
LATE = (0.5, 0.5, 0.6, 0.75)
EARLY = (0.69, 0.70, 0.70, 0.70)
ONE_SEED = study(seeds=[0])


def losses(name: str, rank: int | None, values: Any, accuracy: float = 0.8) -> Any:
    return arm(name, rank, accuracy, losses=values)


def speeds(small: Any, large: Any, full: Any, head: Any = SLOW) -> Any:
    return study(
        {1: losses("lora", 1, small), 8: losses("lora", 8, large)},
        full=losses("full", None, full),
        head=losses("head_only", None, head),
    )


def heads(curve: Any, full: float) -> Any:
    return study(
        head=arm("head_only", validation=curve),
        full=arm("full", validation=(full,) * 4),
    )


def varying(small: Any, large: Any) -> Any:
    return study({1: small, 64: large})


# Between the middle margin and the widest lie 4 points.
BETWEEN = (0.5, 1.0, 9.0)

CASES = [
    Case(
        "head_only_plateaus",
        YES,
        study(
            head=arm("head_only", validation=EARLY),
            full=arm("full", validation=(0.74,) * 4),
            margins=BETWEEN,
        ),
        numbers={"late_gain": 0.0, "below_full": 4.0},
    ),
    Case(
        "head_only_plateaus",
        NO,
        study(
            head=arm("head_only", validation=(0.6, 0.66, 0.66, 0.70)),
            full=arm("full", validation=(0.85,) * 4),
            margins=BETWEEN,
        ),
        numbers={"late_gain": 4.0, "below_full": 15.0},
    ),
    Case(
        "full_learns_fastest",
        YES,
        speeds(SLOW, (0.6, 0.4, 0.3, 0.2), FAST),
        "least for LoRA, rank 8",
        {"ahead": 0.1},
    ),
    # Over the steps that both took: the first two of the four.
    Case(
        "full_learns_fastest",
        YES,
        speeds(SLOW, SLOW, (0.5, 0.3)),
        numbers={"ahead": 0.69 - 0.4},
    ),
    Case(
        "lora_is_stable",
        YES,
        speeds(SLOW, FAST, FAST),
        numbers={"worst_ratio": 0.64 / 0.7, "runs": 6},
    ),
    Case(
        "capacity_not_overfitting",
        NO,
        study(
            {
                1: arm("lora", 1, 0.82),
                8: arm("lora", 8, 0.84),
                64: arm("lora", 64, 0.80, losses=FAST),
            },
            margins=BETWEEN,
        ),
        numbers={"loss_saved": 0.2, "fall": 4.0},
    ),
    Case(
        "large_ranks_less_stable",
        YES,
        varying((0.800, 0.801, 0.802), (0.6, 0.8, 1.0)),
        numbers={"sd_smallest": 0.1, "sd_largest": 20.0, "ratio": 4e4, "ratio_low": 4e4 / 39.0},
    ),
    Case("head_only_plateaus", YES, heads(EARLY, 0.85)),
    Case("head_only_plateaus", NO, heads(LATE, 0.85)),
    Case("head_only_plateaus", NO, heads(EARLY, 0.70)),
    Case("head_only_plateaus", OPEN, heads((EARLY, LATE, EARLY), 0.85)),
    Case("head_only_plateaus", OPEN, heads(EARLY[:2], 0.85), "too rarely"),
    Case("head_only_plateaus", OPEN, ONE_SEED, "one seed"),
    Case("full_learns_fastest", YES, speeds(SLOW, SLOW, FAST)),
    Case("full_learns_fastest", NO, speeds(SLOW, FAST, SLOW)),
    Case("full_learns_fastest", OPEN, speeds(SLOW, WILD, FAST)),
    Case("full_learns_fastest", OPEN, ONE_SEED, "one seed"),
    Case("lora_is_stable", YES, speeds(SLOW, FAST, FAST)),
    Case("lora_is_stable", NO, speeds(SLOW, (0.5, 0.4, 0.6, 0.7), FAST)),
    Case("lora_is_stable", OPEN, speeds(SLOW, (0.5, 0.4, 0.3), FAST), "four steps"),
    Case("large_ranks_converge_faster", YES, speeds(SLOW, FAST, FAST)),
    Case("large_ranks_converge_faster", NO, speeds(FAST, SLOW, FAST)),
    Case("large_ranks_converge_faster", OPEN, speeds(SLOW, WILD, FAST)),
    Case("large_ranks_converge_faster", OPEN, study({8: 0.8}), "one rank"),
    Case("large_ranks_less_stable", YES, varying((0.800, 0.801, 0.802), (0.6, 0.8, 0.99))),
    Case("large_ranks_less_stable", NO, varying((0.6, 0.8, 0.99), (0.800, 0.801, 0.802))),
    Case("large_ranks_less_stable", OPEN, varying((0.79, 0.80, 0.82), (0.78, 0.8, 0.81))),
    Case("large_ranks_less_stable", OPEN, varying(0.8, (0.78, 0.8, 0.81)), "no ratio"),
    Case("large_ranks_less_stable", OPEN, ONE_SEED, "one seed"),
]
