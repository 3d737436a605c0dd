"""Claims that counting decides: parameters, bytes, operations."""

from __future__ import annotations

from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import PER_RANK, arm, study

MB = 10**6


def lora(rank: int, **sizes: int) -> Any:
    return arm("lora", rank, **sizes)


def row(name: str, rank: int | None = None, **costs: Any) -> dict[str, Any]:
    usual = {
        "trainable_parameters": 10,
        "storage_bytes": MB,
        "flops_per_token": 60.0,
        "mergeable": True,
        "merge_difference": 1e-6,
        "inference_flops_per_token": 21.0,
    }
    return {"arm": name, "rank": rank} | usual | costs


def costs(*lora: dict[str, Any], full: dict[str, Any] | None = None) -> Any:
    """A study with these rows of metrics/cost.json beside head-only's and full fine-tuning's."""
    usual = {"trainable_parameters": 99, "storage_bytes": 90 * MB, "flops_per_token": 100.0}
    usual |= {"inference_flops_per_token": 20.0}
    rows = [row("head_only", flops_per_token=30.0), *lora, row("full", **usual | (full or {}))]
    return study(cost={"arms": rows})


def formula(per_rank: int) -> Any:
    sums = {"numbers_per_rank": {"lora": per_rank}, "target_modules": ["q", "v"]}
    return study({1: 0.8, 8: 0.8}, capacity=sums)


def big(total: int) -> Any:
    """A model of so many parameters, ranks 1 and 64."""
    sizes = {"total_parameters": total}
    full = arm("full", total_parameters=total, trainable_parameters=total)
    return study({1: lora(1, **sizes), 64: lora(64, **sizes)}, full=full)


def rebuilt(*differing: int, smallest: float = 0.5) -> Any:
    """Rank 8 put together anew, by seed: how many of 100 sentences it has otherwise."""
    found = {"differing": {"full": [50], "lora": list(differing)}}
    return study(
        capacity=found | {"sentences": 100, "largest_rank": 8},
        spectra={"lora": [{"norm": 2.0}, {"norm": smallest}]},
    )


CHEAP = costs(row("lora", 1), row("lora", 64))
ONE_RANK = study({8: 0.8}, cost={"arms": [row("lora", 8)]})

CASES = [
    Case(
        "full_costs_most",
        YES,
        costs(row("lora", 1), row("lora", 8, flops_per_token=70.0, storage_bytes=2 * MB)),
        numbers={"share_of_trainable_parameters": 10 / 99, "share_of_flops_per_token": 0.7},
    ),
    Case(
        "high_rank_takes_memory",
        YES,
        big(1_000_000),
        "rank 64, the largest here",
        {"more_mb": 16 * 63_000 / MB, "model_mb": 4.0, "share": 0.252},
    ),
    Case(
        "lora_saves_memory",
        YES,
        big(1_000_000),
        numbers={"lora_mb": (4 * 999_900 + 16 * 64_100) / MB, "full_mb": 16.0},
    ),
    Case("parameters_linear_in_rank", YES, study({1: 0.8, 2: 0.8, 64: 0.8})),
    Case("parameters_linear_in_rank", NO, study({1: 0.8, 2: lora(2, adapter_parameters=2001)})),
    Case("parameters_linear_in_rank", OPEN, ONE_RANK, "one rank"),
    Case("parameters_by_formula", YES, formula(PER_RANK)),
    Case("parameters_by_formula", NO, formula(PER_RANK + 1)),
    Case("share_below_3_permille", YES, big(10_000_000)),
    Case("share_below_3_permille", NO, big(1_000_000)),
    Case("share_below_3_permille", YES, study({8: lora(8, total_parameters=10_000_000)})),
    Case("share_about_1_permille", YES, big(8_000_000)),
    Case("share_about_1_permille", NO, big(100_000_000)),
    Case("share_about_1_permille", NO, big(1_000_000)),
    Case("head_is_small", YES, study({1: 0.8})),
    Case("head_is_small", NO, study({1: lora(1, head_parameters=1000)})),
    Case("storage_10_mb", YES, CHEAP),
    Case(
        "storage_10_mb",
        NO,
        costs(
            row("lora", 1), row("lora", 8, storage_bytes=11 * MB), full={"storage_bytes": 900 * MB}
        ),
    ),
    Case("storage_10_mb", NO, costs(row("lora", 1), full={"storage_bytes": 10 * MB})),
    Case("full_costs_most", YES, CHEAP),
    Case("full_costs_most", NO, costs(row("lora", 1, flops_per_token=100.0))),
    Case("cheaper_than_full", YES, CHEAP),
    Case("cheaper_than_full", NO, costs(row("lora", 1), row("lora", 8, flops_per_token=101.0))),
    Case("drastically_cheaper", YES, costs(row("lora", 1, flops_per_token=49.0))),
    Case("drastically_cheaper", NO, CHEAP),
    Case("time_hardly_depends_on_rank", YES, CHEAP),
    Case(
        "time_hardly_depends_on_rank",
        NO,
        costs(row("lora", 8, flops_per_token=70.0), row("lora", 1)),
        "What it costs",
        {"smallest_rank": 1, "largest_rank": 8, "ratio": 70 / 60},
    ),
    Case("time_hardly_depends_on_rank", OPEN, ONE_RANK, "one rank"),
    Case("high_rank_takes_memory", YES, big(1_000_000)),
    Case("high_rank_takes_memory", NO, big(10_000_000)),
    Case("high_rank_takes_memory", OPEN, ONE_RANK, "one rank"),
    Case("lora_saves_memory", YES, big(1_000_000)),
    Case("lora_saves_memory", NO, big(100_000)),
    Case(
        "merged_costs_nothing",
        YES,
        CHEAP,
        numbers={"merged": "2 of 2", "overhead_unmerged": 0.05},
    ),
    Case("adapters_swap", YES, CHEAP, numbers={"swapped": "2 of 2", "largest_difference": 1e-6}),
    Case("adapters_swap", NO, costs(row("lora", 1), row("lora", 8, mergeable=False))),
    Case(
        "unfrozen_base_defeats_it",
        YES,
        big(1_000_000),
        numbers={"frozen": 1_100, "unfrozen": 1_001_000, "full": 1_000_000},
    ),
    Case("unfrozen_base_defeats_it", NO, study(full=arm("full", trainable_parameters=500))),
    Case(
        "saved_and_reusable",
        YES,
        rebuilt(0, 2, 0),
        "rank 8",
        {"differing": 2, "sentences": 300},
    ),
    Case("saved_and_reusable", NO, rebuilt(0, 7, 0)),
    Case("base_stays_frozen", YES, rebuilt(0, 6, 0), numbers={"smallest_update": 0.5}),
    Case("base_stays_frozen", NO, rebuilt(0, 7, 0)),
    Case("base_stays_frozen", NO, rebuilt(0, 0, 0, smallest=0.0)),
    Case("merged_costs_nothing", NO, costs(row("lora", 1), row("lora", 8, mergeable=False))),
]
