"""Claims about how training goes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import arm, probe, study

SLOW = (0.7, 0.68, 0.66, 0.64)
FAST = (0.5, 0.3, 0.2, 0.1)
WILD = ((0.7, 0.1, 0.1, 0.1), (0.7, 0.9, 0.9, 0.6), (0.7, 0.5, 0.4, 0.3))
LATE = (0.5, 0.5, 0.6, 0.75)
EARLY = (0.69, 0.70, 0.70, 0.70)
LONGER = (*EARLY, 0.70, 0.70, 0.85, 0.85)  # what it still gains where a run of EARLY has stopped
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
    return study(head=arm("head_only", accuracy=0.70, validation=curve), full=full)


def by_rank(*curves: Any, **more: Any) -> Any:
    """Training losses at ranks 1, 2, 4, ..."""
    return study({2**i: losses("lora", 2**i, curve) for i, curve in enumerate(curves)}, **more)


def validated(*by_epoch: float, seeds: Any = (0, 1, 2), stopped: Any = ()) -> Any:
    """Rank 8 with this validation loss by epoch, a little more with every seed.

    `stopped` holds (seed, epochs) of runs that took fewer.
    """
    of_8 = arm("lora", 8, validation=[0.8] * len(by_epoch), seeds=seeds)
    runs = [
        dataclasses.replace(
            run,
            validation=tuple(
                dataclasses.replace(point, loss=loss * (1 + 0.01 * run.seed))
                for point, loss in zip(run.validation, by_epoch, strict=True)
            )[: dict(stopped).get(run.seed)],
        )
        for run in of_8.runs
    ]
    return study({8: dataclasses.replace(of_8, runs=tuple(runs))}, seeds=seeds)


def varying(small: Any, large: Any) -> Any:
    return study({1: small, 64: large})


# Between the middle margin and the widest lie 4 points.
BETWEEN = (0.5, 1.0, 9.0)

CASES = [
    Case(
        "head_only_plateaus",
        YES,
        study(
            head=arm("head_only", accuracy=0.70, validation=EARLY),
            full=arm("full", accuracy=0.72),
            margins=BETWEEN,
        ),
        numbers={"tested": "full fine-tuning minus head-only on test above 1 point", "value": 2.0},
    ),
    Case(
        "head_only_plateaus",
        NO,
        study(
            head=arm("head_only", accuracy=0.70, validation=(0.6, 0.66, 0.66, 0.70)),
            full=arm("full", accuracy=0.85),
            margins=BETWEEN,
        ),
        numbers={"value": 4.0, "correction": "Bonferroni over 2", "shown": "1 of 2"},
    ),
    Case(
        "full_learns_fastest",
        YES,
        speeds(SLOW, (0.6, 0.4, 0.3, 0.2), FAST),
        numbers={"tested": "LoRA, rank 8 minus full fine-tuning above 0", "value": 0.1},
    ),
    # Over the steps that both took: the first two of the four.
    Case(
        "full_learns_fastest",
        YES,
        speeds(SLOW, SLOW, (0.5, 0.3)),
        numbers={"value": 0.69 - 0.4},
    ),
    Case(
        "lora_is_stable",
        YES,
        speeds(SLOW, FAST, FAST),
        "of 6 runs",
        {"worst_ratio": 0.64 / 0.7, "highest_late": 0.66, "guessing": math.log(2)},
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
        numbers={
            "tested": "test accuracy of rank 8 minus rank 64 below 1 point",
            "value": 4.0,
            "correction": "Bonferroni over 3",
            "shown": "1 of 3",
        },
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
    Case("head_only_plateaus", OPEN, heads(EARLY[:3], 0.85), "too rarely"),
    Case("head_only_plateaus", OPEN, heads((EARLY, EARLY[:3], EARLY), 0.85), "3 times, too rarely"),
    Case("head_only_plateaus", OPEN, ONE_SEED, "one seed"),
    # Seeds are compared over the epochs that all of them took.
    Case("head_only_plateaus", YES, heads((LONGER, EARLY, LONGER), 0.95)),
    Case("head_only_plateaus", NO, heads((LONGER, LONGER, LONGER), 0.95)),
    # The head that plateaus reads the wrong states; the best head alone is not far below full.
    Case(
        "head_only_plateaus",
        OPEN,
        study(
            head=arm("head_only", accuracy=0.70, validation=EARLY),
            full=arm("full", accuracy=(0.84, 0.85, 0.86)),
            probed=probe(0.835),
        ),
        "the head alone (a linear probe on mean-pooled states) stays more than that below",
        {"tested": "full fine-tuning minus the linear probe on test above 1 point", "value": 1.5},
    ),
    Case(
        "head_only_plateaus",
        YES,
        study(
            head=arm("head_only", accuracy=0.70, validation=EARLY),
            full=arm("full", accuracy=(0.84, 0.85, 0.86)),
        ),
    ),
    Case("full_learns_fastest", YES, speeds(SLOW, SLOW, FAST)),
    Case("full_learns_fastest", NO, speeds(SLOW, FAST, SLOW)),
    Case("full_learns_fastest", OPEN, speeds(SLOW, WILD, FAST)),
    Case("full_learns_fastest", OPEN, ONE_SEED, "one seed"),
    Case("lora_is_stable", YES, speeds(SLOW, FAST, FAST)),
    Case("lora_is_stable", NO, speeds(SLOW, (0.5, 0.4, 0.6, 0.7), FAST)),
    # A spike above the loss of guessing, ln 2, that the last quarter has got over; early it may be.
    Case(
        "lora_is_stable",
        NO,
        speeds(SLOW, (0.5, 0.4, 0.8, 0.1), FAST),
        numbers={"highest_late": 0.8, "fell_back": 3},
    ),
    Case("lora_is_stable", YES, speeds(SLOW, (0.5, 0.8, 0.4, 0.1), FAST)),
    Case("lora_is_stable", OPEN, speeds(SLOW, (0.5, 0.4, 0.3), FAST), "four steps"),
    Case(
        "large_ranks_converge_faster",
        YES,
        by_rank(SLOW, (0.7, 0.5, 0.4, 0.3), FAST),
        "3 ranks",
        {
            "p_value_for_a_fall_over_ranks": 1 / 216,
            "loss": "rank 1: 0.670, rank 2: 0.475, rank 4: 0.275",
        },
    ),
    Case("large_ranks_converge_faster", NO, by_rank(FAST, (0.7, 0.5, 0.4, 0.3), SLOW)),
    # The largest is faster than the smallest, but the one between is slower than both.
    Case("large_ranks_converge_faster", OPEN, by_rank((0.7, 0.5, 0.4, 0.3), SLOW, FAST)),
    Case("large_ranks_converge_faster", OPEN, by_rank(SLOW, FAST), "at least 3 ranks"),
    Case("large_ranks_converge_faster", OPEN, study({8: 0.8}), "one rank"),
    Case(
        "many_epochs_overfit",
        YES,
        validated(*[0.5] * 8, 0.5, 0.5, 0.8, 0.8),
        "12 epochs",
        {"value": 0.2 * 1.01},
    ),
    # One run stopped at 12 of 16 epochs; that the others came down again is theirs alone.
    Case(
        "many_epochs_overfit",
        YES,
        validated(*[0.5] * 10, 0.8, 0.8, *[0.2] * 4, stopped=[(1, 12)]),
        "late in 12 epochs",
        {
            "value": 0.2 * 1.01,
            "tested": "LoRA's validation loss over the last quarter of the 12 epochs that every "
            "run took minus that over the quarter before, mean over ranks above 0",
        },
    ),
    Case("many_epochs_overfit", NO, validated(*[0.5] * 9, 0.4, 0.4, 0.4)),
    Case("many_epochs_overfit", OPEN, validated(*[0.5] * 9, 0.9, seeds=[0]), "one seed"),
    Case("many_epochs_overfit", OPEN, validated(0.5, 0.9), "train.epochs=10"),
    Case("large_ranks_less_stable", YES, varying((0.800, 0.801, 0.802), (0.6, 0.8, 0.99))),
    Case("large_ranks_less_stable", NO, varying((0.6, 0.8, 0.99), (0.800, 0.801, 0.802))),
    Case("large_ranks_less_stable", OPEN, varying((0.79, 0.80, 0.82), (0.78, 0.8, 0.81))),
    Case("large_ranks_less_stable", OPEN, varying(0.8, (0.78, 0.8, 0.81)), "no ratio"),
    Case("large_ranks_less_stable", OPEN, ONE_SEED, "one seed"),
]
