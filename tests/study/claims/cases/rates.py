"""Claims about learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import arm, study
from tests.study.fake_rates import exited


def ratios(*intervals: tuple[float, float], edge: tuple[str, str] | None = None, **row: Any) -> Any:
    """LoRA's best rate over full fine-tuning's, by rank; `edge`: an arm whose best is at one."""
    rows = [
        {"rank": 2**i, "ratio": (low + high) / 2, "low": low, "high": high, "reason": None} | row
        for i, (low, high) in enumerate(intervals)
    ]
    arms = [
        {"arm": name, "at_edge": edge[1] if edge and edge[0] == name else None}
        for name in ("head_only", "lora", "full")
    ]
    return study(learning_rate={"ratio_to_full": rows, "arms": arms})


def searched(
    *chosen: Mapping[float, float | None], edge: str | None = None, dropped: Any = ()
) -> Any:
    """By rank, in which share of resampled seeds each rate is the best; others were dropped."""
    rows = []
    for i, shares in enumerate(chosen):
        best = max(shares, key=lambda rate: shares[rate] or 0.0)
        rates = [{"rate": rate, "chosen": share} for rate, share in shares.items()]
        rows.append({"arm": "lora", "rank": 2**i, "rates": rates, "best": best, "at_edge": edge})
        if dropped:
            rows[-1]["dropped"] = [{"rate": rate} for rate in dropped]
    return study(learning_rate={"arms": [{"arm": "full", "rates": []}, *rows]})


def exponent(
    value: float | None,
    width: float = 0.02,
    scaling: str = "proportional",
    resolution: float = 0.01,
) -> Any:
    known = {"value": value, "resolution": resolution}
    if value is None:
        known = {"reason": "one rank: x", "predictions": []}
    elif width:
        known |= {"low": value - width, "high": value + width}
    else:
        known |= {"low": None, "high": None}
    return study(scaling=scaling, learning_rate={"exponent": known})


def tried(low: Any, high: Any, seeds: Any = (0, 1, 2), margins: Any = (0.5, 1.0, 2.0)) -> Any:
    """Rank 8 with the best rate in the middle, and its validation accuracy at either end."""
    of_8 = arm("lora", 8, rates={0.01: 0.8, 0.001: low, 0.1: high}, seeds=seeds)
    return study({8: of_8}, seeds=seeds, margins=margins)


def exits(*gone: float) -> Any:
    """The same with rates that early exit dropped."""
    of_8 = exited(arm("lora", 8, rates={0.01: 0.8, 0.001: 0.7, 0.1: 0.5}), *gone)
    return study({8: of_8})


CASES = [
    Case(
        "lora_takes_a_higher_rate",
        YES,
        ratios((4.0, 8.0), (2.0, 4.0)),
        "reaches lowest",
        {"rank": 2, "ratio": 3.0, "ratio_low": 2.0, "ratio_high": 4.0, "largest_ratio": 6.0},
    ),
    Case("lora_takes_a_higher_rate", OPEN, ratios((0.2, 0.5), (0.5, 2.0))),
    Case(
        "one_rate_serves_all_ranks",
        OPEN,
        exponent(0.02, resolution=0.5),
        numbers={"exponent": 0.02, "exponent_low": -0.5, "exponent_high": 0.54},
    ),
    Case(
        "extreme_rates_hurt",
        YES,
        tried(0.76, 0.75, margins=(0.5, 1.0, 9.0)),
        numbers={
            "tested": "the best rate minus the lowest one on validation, mean over ranks "
            "above 1 point",
            "value": 4.0,
        },
    ),
    Case("lora_takes_a_higher_rate", YES, ratios((4.0, 8.0), (2.0, 8.0))),
    Case("lora_takes_a_higher_rate", NO, ratios((0.2, 1.0), (0.1, 0.5))),
    Case("lora_takes_a_higher_rate", OPEN, ratios((4.0, 8.0), (0.5, 8.0))),
    Case("lora_takes_a_higher_rate", OPEN, ratios((4.0, 8.0), edge=("full", "highest"))),
    Case("lora_takes_a_higher_rate", OPEN, ratios((0.2, 0.5), edge=("lora", "highest"))),
    Case("lora_takes_a_higher_rate", OPEN, ratios((4.0, 8.0), low=None), "one seed"),
    Case(
        "lora_takes_a_higher_rate",
        OPEN,
        ratios((1.0, 1.0), reason="one rate was tried"),
        "one rate",
    ),
    Case("best_rate_up_to_1e_3", YES, searched({5e-4: 0.99, 1e-2: 0.01})),
    Case("best_rate_up_to_1e_3", NO, searched({5e-4: 0.01, 1e-2: 0.99})),
    Case("best_rate_up_to_1e_3", OPEN, searched({5e-4: 0.6, 1e-2: 0.4})),
    Case("best_rate_up_to_1e_3", OPEN, searched({5e-4: 0.99, 1e-2: 0.01}, edge="lowest"), "edge"),
    Case("best_rate_up_to_1e_3", OPEN, searched({5e-4: 1.0}), "not tried both"),
    Case("best_rate_up_to_1e_3", OPEN, searched({5e-4: None, 1e-2: None}), "one seed"),
    Case(
        "best_rate_up_to_1e_3",
        YES,
        searched({5e-4: 0.99, 1e-3: 0.01}, dropped=(1e-2,)),
    ),
    Case("best_rate_up_to_1e_3", OPEN, searched({5e-4: None}, dropped=(1e-2,)), "early exit left"),
    Case("best_rate_up_to_5e_4", YES, searched({3e-4: 0.7, 5e-4: 0.29, 1e-3: 0.01})),
    Case("best_rate_up_to_5e_4", NO, searched({3e-4: 0.0, 5e-4: 0.01, 1e-3: 0.99})),
    Case("best_rate_up_to_5e_4", OPEN, searched({5e-4: 1.0, 1e-3: 0.0}, {5e-4: 0.0, 1e-3: 1.0})),
    Case("one_rate_serves_all_ranks", YES, exponent(0.02)),
    Case("one_rate_serves_all_ranks", NO, exponent(-0.5)),
    Case("one_rate_serves_all_ranks", OPEN, exponent(-0.12)),
    Case("one_rate_serves_all_ranks", OPEN, exponent(None), "one rank"),
    Case("one_rate_serves_all_ranks", OPEN, exponent(0.0, width=0.0), "one seed"),
    Case("one_rate_serves_all_ranks", OPEN, exponent(0.02, scaling="fixed"), "fixed"),
    Case("extreme_rates_hurt", YES, tried(0.7, 0.5)),
    Case("extreme_rates_hurt", NO, tried(0.7, 0.8)),
    Case("extreme_rates_hurt", NO, tried(0.8, 0.7)),
    Case("extreme_rates_hurt", OPEN, tried((0.5, 0.79, 0.8), 0.5)),
    Case("extreme_rates_hurt", OPEN, study(), "three learning rates"),
    Case("extreme_rates_hurt", OPEN, exits(0.1), "was dropped early"),
    Case("extreme_rates_hurt", OPEN, tried(0.7, 0.5, seeds=(0,)), "one seed"),
]
