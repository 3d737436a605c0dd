"""Claims about the rank of what fine-tuning changes."""

from __future__ import annotations

from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import study


def spectra(*energy_ranks: int | None, seeds: int = 3) -> Any:
    """Two matrices of full rank 100, q adapted and k not; energy ranks of q by seed."""
    rows = [
        {"module": module, "target": module == "q", "seed": seed, "energy_rank": rank}
        for module in ("q", "k")
        for seed, rank in enumerate(energy_ranks[:seeds])
    ]
    vectors = [{"module": module, "vectors": 100} for module in ("q", "k")]
    return study(
        spectra={"settings": {"energy": 0.9}, "full": rows, "intruders": vectors, "reasons": {}}
    )


def replicated(*directions: int, reasons: dict[str, str] | None = None) -> Any:
    rows = [{"arm": "full", "k": [1, 2], "directions": [0, found]} for found in directions]
    other = {"arm": "lora", "k": [1], "directions": [1]}
    return study(spectra={"replicated": [other, *rows], "reasons": reasons or {}})


def gap(points: float, width: float) -> dict[str, float]:
    return {
        "gap_to_full": points,
        "gap_to_full_low": points - width,
        "gap_to_full_high": points + width,
    }


def cut(of_8: float, width: float = 0.2, without: float = -20.0, ranks: Any = (2, 8, 32)) -> Any:
    """Full's update cut to rank 8 is so many points from full; rank 32 is level with it."""
    rows = [{"rank": r} | gap({8: of_8, 32: 0.0}.get(r, -9.0), width) for r in ranks]
    return study(capacity={"curves": {"weighted": rows}, "rank_zero": gap(without, 0.5)})


def readings(*differences: tuple[float, float]) -> Any:
    rows = [
        {"rank": 2**i, "lora_to_truncated": {"points": p, "low": p - width, "high": p + width}}
        for i, (p, width) in enumerate(differences)
    ]
    return study(capacity={"readings": rows})


CASES = [
    Case("task_lives_in_low_rank", YES, cut(-0.3, without=-1.7), numbers={"rank": 8, "gap": -0.3}),
    Case(
        "lora_is_approximation",
        NO,
        readings((0.1, 0.3), (-9.0, 0.5), (2.0, 0.5)),
        "at rank 2",
        {"difference": -9.0},
    ),
    Case("update_has_low_rank", YES, spectra(5, 6, 5)),
    Case("update_has_low_rank", NO, spectra(60, 61, 60)),
    Case("update_has_low_rank", OPEN, spectra(2, 30, 5)),
    Case("update_has_low_rank", OPEN, spectra(5, seeds=1), "one seed"),
    Case("update_has_low_rank", OPEN, spectra(None, None), "as they were"),
    Case("task_lives_in_low_rank", YES, cut(-0.3)),
    Case("task_lives_in_low_rank", NO, cut(-5.0)),
    Case("task_lives_in_low_rank", OPEN, cut(-1.0, width=0.5)),
    Case("task_lives_in_low_rank", OPEN, cut(-0.3, without=-0.8), "not shown to be much worse"),
    Case("task_lives_in_low_rank", OPEN, cut(0.0, ranks=(32,)), "no rank of 8 or less"),
    Case("updates_are_structured", YES, replicated(1, 1, 0)),
    Case("updates_are_structured", NO, replicated(0, 0, 0)),
    Case("updates_are_structured", OPEN, replicated(1, 0, 0)),
    Case("updates_are_structured", OPEN, replicated(reasons={"replicated": "one seed: x"}), "one"),
    Case("lora_is_approximation", YES, readings((0.1, 0.3), (-0.2, 0.3))),
    Case("lora_is_approximation", NO, readings((0.1, 0.3), (9.0, 0.5))),
    Case("lora_is_approximation", NO, readings((0.1, 0.3), (-9.0, 0.5))),
    Case("lora_is_approximation", OPEN, readings((0.1, 0.3), (1.0, 0.5))),
]
