"""Claims about the rank of what fine-tuning changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy.stats import t as student

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import CAPACITY, study


def spectra(*energy_ranks: int | None, seeds: int = 3) -> Any:
    """Two matrices of full rank 100, q adapted and k not; energy ranks of q by seed."""
    rows = [
        {"module": module, "target": module == "q", "seed": seed, "energy_rank": rank}
        | {"effective_rank": 30.0, "stable_rank": 3.0}
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


def gap(points: float, width: float, by_seed: Sequence[float] = (0.0,) * 3) -> dict[str, Any]:
    """A curve's gap to full fine-tuning, whose accuracy is 0.85 with every seed."""
    return {
        "gap_to_full": points,
        "gap_to_full_low": points - width,
        "gap_to_full_high": points + width,
        "by_seed": [0.85 + points / 100 + part / 100 for part in by_seed],
    }


def cut(of_8: float, width: float = 0.2, without: float = -20.0, ranks: Any = (2, 8, 32)) -> Any:
    """Full's update cut to rank 8 is so many points from full; rank 32 is level with it."""
    rows = [{"rank": r} | gap({8: of_8, 32: 0.0}.get(r, -9.0), width) for r in ranks]
    return capacity(curves={"weighted": rows}, rank_zero=gap(without, 0.5))


def targets(points: float, width: float = 0.2) -> Any:
    return capacity(target_modules_alone=gap(points, width))


def capacity(**parts: Any) -> Any:
    usual = {"full": {"by_seed": [0.85] * 3}, "sentences": 2000}
    return study(capacity=CAPACITY | usual | parts)


def readings(*differences: tuple[float, float]) -> Any:
    """LoRA less the update cut to its rank, and the interval's half-width, at ranks 1, 2, 4, ..."""
    rows, lora, weighted = [], [], []
    for i, (p, width) in enumerate(differences):
        apart = {"points": p, "low": p - width, "high": p + width}
        rows.append({"rank": 2**i, "truncation": "weighted", "lora_to_truncated": apart})
        lora.append({"rank": 2**i, "by_seed": [0.8 + p / 100] * 3})
        weighted.append({"rank": 2**i, "by_seed": [0.8] * 3})
    return capacity(readings=rows, curves={"lora": lora, "weighted": weighted})


CASES = [
    Case(
        "task_lives_in_low_rank",
        YES,
        cut(-0.3, without=-1.7),
        numbers={
            "tested": "the update cut to rank 8 minus the whole update above -1 point",
            "value": -0.3,
            "low": -0.5,
            "high": -0.1,
            "gap_without": -1.7,
        },
    ),
    # Normal, as the seeds agree: at 0.05 / 6 the interval is 1.35 times as wide as at 0.05.
    Case(
        "lora_is_approximation",
        NO,
        readings((0.1, 0.3), (-9.0, 0.5), (2.0, 0.5)),
        numbers={
            "tested": "LoRA of rank 2 minus full fine-tuning's update cut to it above -1 point",
            "value": -9.0,
            "low": -9 - 0.5 * student.isf(0.025 / 6, 1999) / student.isf(0.025, 1999),
            "correction": "Bonferroni over 6",
        },
    ),
    Case(
        "others_add_little",
        NO,
        targets(-5.0),
        "lora.target_modules=[dense,query,value]",
        {"tested": "query and value alone minus the whole update above -1 point", "value": -5.0},
    ),
    Case("others_add_little", YES, targets(-0.2)),
    Case("others_add_little", OPEN, targets(-1.1)),
    Case(
        "update_has_low_rank",
        YES,
        spectra(5, 6, 7),
        numbers={
            "value": 0.06,
            "energy_rank": 6.0,
            "effective_rank": 30.0,
            "stable_rank": 3.0,
            "full_rank": 100.0,
        },
    ),
    Case("update_has_low_rank", YES, spectra(5, 6, 5)),
    Case("update_has_low_rank", NO, spectra(60, 61, 60)),
    Case("update_has_low_rank", OPEN, spectra(2, 30, 5)),
    Case("update_has_low_rank", OPEN, spectra(5, seeds=1), "one seed"),
    Case("update_has_low_rank", OPEN, spectra(None, None), "as they were"),
    Case("task_lives_in_low_rank", YES, cut(-0.3)),
    Case("task_lives_in_low_rank", NO, cut(-5.0)),
    Case("task_lives_in_low_rank", OPEN, cut(-1.0, width=0.5)),
    Case(
        "task_lives_in_low_rank",
        OPEN,
        cut(-0.3, without=-0.8),
        "cannot say that the model is much worse without any update",
        {"gap_without": -0.8},
    ),
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
