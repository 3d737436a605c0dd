"""Claims about LoRA beside head-only and full fine-tuning."""

from __future__ import annotations

from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import SCATTERED, arm, study

PLAIN = study({1: 0.75, 8: 0.80, 16: 0.82})
UNSURE = study({1: SCATTERED, 8: SCATTERED, 16: SCATTERED}, full=0.82, head=0.76)


def equivalence(*verdicts: str) -> dict[str, Any]:
    """metrics/sufficient_rank.json, with the verdicts at one point on ranks 1, 8 and 16."""
    rows = [{"rank": r, "verdict": v} for r, v in zip((1, 8, 16), verdicts, strict=True)]
    return {"equivalence": [{"margin": 0.5, "ranks": []}, {"margin": 1.0, "ranks": rows}]}


def judged(*verdicts: str) -> Any:
    return study({1: 0.75, 8: 0.8, 16: 0.82}, sufficient_rank=equivalence(*verdicts))


LARGE = {r: arm("lora", r, 0.82, adapter_parameters=r * 60_000, trainable_parameters=r * 60_000)
         for r in (1, 8, 16)}  # fmt: skip
WORSE, EQUAL, UNTOLD = "worse", "equivalent", "cannot be told"

BETWEEN = (0.5, 1.0, 9.0)

CASES = [
    Case(
        "lora_between",
        YES,
        study({1: 0.75, 8: 0.80}, head=0.71, full=0.83),
        "(rank 1), least gap to full fine-tuning (rank 8)",
        {"over_head_only": 4.0, "below_full": 3.0},
    ),
    Case(
        "smooth_frontier",
        NO,
        study({1: 0.80, 8: 0.75, 16: 0.82}, head=0.7),
        "the least gain is of LoRA, rank 8 over LoRA, rank 1",
        {"gain": -5.0, "pairs": 10, "reversed": 1},
    ),
    Case(
        "head_only_underfits",
        YES,
        study({1: 0.75, 8: 0.80}, head=0.71, margins=BETWEEN, full=0.78),
        numbers={"behind_lora": 4.0, "behind_full": 7.0, "trainable_parameters": 100},
    ),
    Case(
        "head_only_underfits",
        NO,
        study(head=arm("head_only", None, 0.6, trainable_parameters=5000)),
    ),
    Case("full_is_best", YES, PLAIN, numbers={"ahead": 3.0, "nearest_rank": 16}),
    Case(
        "quality_95_percent",
        YES,
        study({1: 0.83, 8: 0.86}),
        numbers={"rank": 1, "ratio": 0.83 / 0.85, "above_least": 83 - 0.95 * 85},
    ),
    Case(
        "rank_8_captures_most", YES, PLAIN, numbers={"share_of_gain": 0.8, "above_half": 80 - 72.5}
    ),
    Case(
        "comparable_with_5_percent",
        NO,
        judged(WORSE, WORSE, WORSE),
        numbers={"rank": 16, "gap_to_full": -3.0, "margin": 1.0},
    ),
    Case("lora_between", YES, PLAIN),
    Case("lora_between", NO, study({1: 0.75, 8: 0.9})),
    Case("lora_between", NO, study({1: 0.5, 8: 0.8})),
    Case("lora_between", OPEN, UNSURE),
    Case("smooth_frontier", YES, PLAIN),
    Case("smooth_frontier", NO, study({1: 0.80, 8: 0.75, 16: 0.82})),
    Case("smooth_frontier", OPEN, UNSURE),
    Case("head_only_underfits", YES, PLAIN),
    Case("head_only_underfits", NO, study(head=0.85)),
    Case("head_only_underfits", OPEN, UNSURE),
    Case("full_is_best", YES, PLAIN),
    Case("full_is_best", NO, study({8: 0.9})),
    Case("full_is_best", OPEN, UNSURE),
    Case(
        "near_full_at_8_to_16",
        YES,
        study(
            {8: 0.8, 16: arm("lora", 16, total_parameters=10_000_000), 1: 0.8},
            sufficient_rank=equivalence(WORSE, EQUAL, "better"),
        ),
        "1 %",
    ),
    Case(
        "near_full_at_8_to_16",
        NO,
        study({1: 0.8, 8: 0.8}, sufficient_rank=equivalence(EQUAL, WORSE, EQUAL)),
    ),
    Case(
        "near_full_at_8_to_16",
        NO,
        judged(EQUAL, EQUAL, EQUAL),  # but rank 16 trains 1.6 %
        numbers={"largest_share": 16_100 / 1_016_000, "margin": 1.0, "rank_16": EQUAL},
    ),
    Case(
        "near_full_at_8_to_16",
        OPEN,
        study({1: 0.8, 8: 0.8}, sufficient_rank=equivalence(EQUAL, UNTOLD, WORSE)),
    ),
    Case("near_full_at_8_to_16", OPEN, study({1: 0.8, 32: 0.8}), "no rank from 8 to 16"),
    Case(
        "near_full_at_8_to_16",
        OPEN,
        study(
            {1: 0.8, 8: 0.8, 16: arm("lora", 16, total_parameters=10_000_000)},
            sufficient_rank=equivalence(EQUAL, EQUAL, UNTOLD),
        ),
    ),
    Case("comparable_with_5_percent", YES, judged(WORSE, UNTOLD, EQUAL)),
    Case("comparable_with_5_percent", NO, judged(WORSE, WORSE, WORSE)),
    Case("comparable_with_5_percent", OPEN, judged(WORSE, UNTOLD, WORSE)),
    Case("comparable_with_5_percent", OPEN, study(LARGE), "more than 5 %"),
    Case("rank_8_captures_most", YES, PLAIN),
    Case("rank_8_captures_most", NO, study({8: 0.65})),
    Case("rank_8_captures_most", OPEN, study({8: SCATTERED}, head=0.75)),
    Case("rank_8_captures_most", OPEN, study({8: 0.8}, head=0.8, full=0.8), "not shown to gain"),
    Case("rank_8_captures_most", OPEN, study({4: 0.8}), "no rank 8"),
    Case("quality_95_percent", YES, study({1: 0.83, 8: 0.86})),
    Case("quality_95_percent", NO, study({1: 0.75, 8: 0.85})),
    Case("quality_95_percent", OPEN, UNSURE),
]
