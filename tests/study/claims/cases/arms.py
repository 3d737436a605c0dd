"""Claims about LoRA beside head-only and full fine-tuning."""

from __future__ import annotations

from typing import Any

from tests.study.claims.cases.case import NO, OPEN, YES, Case
from tests.study.claims.made import SCATTERED, arm, probe, study

WORSE, EQUAL, UNTOLD = "worse", "equivalent", "cannot be told"

PLAIN = study({1: 0.75, 8: 0.80, 16: 0.82})
RISING = study({1: 0.75, 4: 0.77, 8: 0.79, 16: 0.81})
UNSURE = study({1: SCATTERED, 8: SCATTERED, 16: SCATTERED}, full=0.82, head=0.76)


def equivalence(*verdicts: str) -> dict[str, Any]:
    """metrics/sufficient_rank.json, with the verdicts at one point on ranks 1, 8 and 16.

    P values are those that give the verdicts; differences are -1, -2 and -3 points.
    """
    shown = {EQUAL: "p_equivalent", WORSE: "p_worse", "better": "p_better"}
    rows = []
    for place, (rank, verdict) in enumerate(zip((1, 8, 16), verdicts, strict=True)):
        row = {"rank": rank, "verdict": verdict, "difference": -1.0 - place, "standard_error": 0.1}
        row |= dict.fromkeys(shown.values(), 1.0) | {"seeds_if_as_measured": 7}
        rows.append(row | ({shown[verdict]: 0.01 / (1 + place)} if verdict in shown else {}))
    return {"equivalence": [{"margin": 0.5, "ranks": []}, {"margin": 1.0, "ranks": rows}]}


def judged(*verdicts: str) -> Any:
    return study({1: 0.75, 8: 0.8, 16: 0.82}, sufficient_rank=equivalence(*verdicts))


# The model's own head reads the wrong states: a probe on others does far better, and validation
# picks it. With the same head unprobed each claim holds, or is refuted.
HANDICAPPED = {8: (0.790, 0.800, 0.810)}
STRONG = probe(0.745)
NO_BETTER_ON_VALIDATION = probe(0.745, validation=0.8)

LARGE = {r: arm("lora", r, 0.82, adapter_parameters=r * 60_000, trainable_parameters=r * 60_000)
         for r in (1, 8, 16)}  # fmt: skip
BETWEEN = (0.5, 1.0, 9.0)

CASES = [
    Case(
        "lora_between",
        YES,
        study({1: 0.75, 8: 0.80}, head=0.71, full=0.83),
        numbers={
            "tested": "full fine-tuning minus rank 8 above 0",
            "value": 3.0,
            "shown": "4 of 4",
            "over": "seeds and test sentences",
        },
    ),
    # Nearest to full fine-tuning is rank 8, but what is unsure is rank 1.
    Case(
        "full_is_best",
        OPEN,
        study({1: SCATTERED, 8: 0.82}),
        numbers={
            "tested": "full fine-tuning minus rank 1 above 0",
            "value": 5.0,
            "shown": "2 of 3",
        },
    ),
    Case(
        "full_is_best",
        NO,
        study({1: 0.80, 8: 0.90}),
        numbers={
            "tested": "full fine-tuning minus rank 8 above 0",
            "value": -5.0,
            "level": 1 - 0.05 / 3,
            "correction": "Bonferroni over 3",
        },
    ),
    Case(
        "clean_frontier",
        NO,
        study({1: 0.80, 8: 0.75, 16: 0.82}, head=0.7),
        "each of 5 arms",
        {"tested": "rank 8 minus rank 1 above 0", "value": -5.0, "shown": "3 of 4"},
    ),
    Case("clean_frontier", YES, PLAIN),
    Case("clean_frontier", OPEN, UNSURE),
    Case(
        "smooth_tradeoff",
        YES,
        RISING,
        "over 4 ranks",
        {"p_value_for_a_rise_over_ranks": 24.0**-3},
    ),
    Case("smooth_tradeoff", NO, study({1: 0.79, 4: 0.78, 8: 0.77, 16: 0.76}, full=0.9)),
    # With the head far below and full far above, these five arms are in order as well as can be.
    Case("smooth_tradeoff", OPEN, study({1: 0.80, 4: 0.81, 8: 0.80}, head=0.6, full=0.9)),
    Case("smooth_tradeoff", OPEN, study({1: 0.75, 8: 0.80}), "at least 3 ranks"),
    Case("smooth_tradeoff", OPEN, study({1: 0.7, 4: 0.8, 8: 0.8}, seeds=[0]), "at least 2 seeds"),
    Case("smooth_tradeoff", OPEN, study({8: 0.8}), "one rank"),
    Case(
        "head_only_underfits",
        YES,
        study({1: 0.75, 8: 0.80}, head=0.71, margins=BETWEEN, full=0.78),
        numbers={"tested": "rank 1 minus head only above 1 point", "value": 4.0, "trained": 100},
    ),
    Case(
        "head_only_underfits",
        NO,
        study(head=arm("head_only", None, 0.6, trainable_parameters=5000)),
        "no fewer parameters",
    ),
    Case(
        "quality_95_percent",
        YES,
        study({1: 0.83, 8: 0.86}),
        numbers={"lowest_share_of_full": 0.83 / 0.85, "value": 83 - 0.95 * 85},
    ),
    Case("rank_8_captures_most", YES, PLAIN, numbers={"share_of_gain": 0.8, "value": 80 - 72.5}),
    Case(
        "comparable_with_5_percent",
        NO,
        judged(WORSE, WORSE, WORSE),
        numbers={"rank": 1, "p_worse": 0.01, "difference": -1.0, "correction": "Holm over 3 ranks"},
    ),
    Case(
        "comparable_with_5_percent",
        OPEN,
        judged(WORSE, UNTOLD, UNTOLD),
        "about 7 seeds",
        {"rank": 8, "is": UNTOLD, "difference": -2.0},
    ),
    Case("lora_between", YES, PLAIN),
    Case("lora_between", NO, study({1: 0.75, 8: 0.9})),
    Case("lora_between", NO, study({1: 0.5, 8: 0.8})),
    Case("lora_between", OPEN, UNSURE),
    Case("head_only_underfits", YES, PLAIN),
    Case("head_only_underfits", NO, study(head=0.85)),
    Case("head_only_underfits", OPEN, UNSURE),
    Case("full_is_best", YES, PLAIN, "For the head alone, LoRA and full fine-tuning one rate was"),
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
        numbers={"rank": 8, "is": WORSE, "p_worse": 0.005},
    ),
    Case(
        "near_full_at_8_to_16",
        NO,
        judged(EQUAL, EQUAL, EQUAL),  # but rank 16 trains 1.6 %
        "rank 16 trains no less than 1 %",
        {"rank": 16, "share": 16_100 / 1_016_000},
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
    Case(
        "rank_8_captures_most",
        OPEN,
        study({8: 0.8}, head=0.8, full=0.8),
        "cannot say that full fine-tuning gains over the head alone",
    ),
    Case("rank_8_captures_most", OPEN, study({4: 0.8}), "no rank 8"),
    Case("rank_8_captures_most", YES, study(HANDICAPPED), numbers={"share_of_gain": 0.8}),
    Case(
        "rank_8_captures_most",
        OPEN,
        study(HANDICAPPED, probed=STRONG),
        "the head alone (a linear probe on mean-pooled states)",
        {"share_of_gain": 5.5 / 10.5, "value": 80 - (74.5 + 85) / 2},
    ),
    Case(
        "rank_8_captures_most",
        YES,
        study(HANDICAPPED, probed=NO_BETTER_ON_VALIDATION),
        "the head alone (the model's own head, trained)",
        {"share_of_gain": 0.8},
    ),
    Case(
        "rank_8_captures_most",
        OPEN,
        study({8: 0.8}, full=0.82, probed=probe(0.82)),
        "gains over the head alone (a linear probe on mean-pooled states) at all",
    ),
    Case("lora_between", YES, study({1: (0.74, 0.75, 0.76), 8: 0.80})),
    Case(
        "lora_between",
        OPEN,
        study({1: (0.74, 0.75, 0.76), 8: 0.80}, probed=STRONG),
        "above the head alone (a linear probe on mean-pooled states)",
        {"tested": "rank 1 minus linear probe above 0", "value": 0.5},
    ),
    Case("head_only_underfits", YES, study({1: (0.74, 0.75, 0.76), 8: 0.80})),
    Case(
        "head_only_underfits",
        OPEN,
        study({1: (0.74, 0.75, 0.76), 8: 0.80}, probed=probe(0.735)),
        numbers={"tested": "rank 1 minus linear probe above 1 point", "trained": 50},
    ),
    Case(
        "head_only_underfits",
        NO,
        study(probed=probe(0.5, trainable_parameters=5000)),
        "the head alone (a linear probe on mean-pooled states) trains no fewer parameters",
    ),
    Case("full_is_best", YES, study(full=(0.84, 0.85, 0.86))),
    Case(
        "full_is_best",
        OPEN,
        study(full=(0.84, 0.85, 0.86), probed=probe(0.845)),
        numbers={"tested": "full fine-tuning minus linear probe above 0", "value": 0.5},
    ),
    Case("clean_frontier", YES, study({1: (0.74, 0.75, 0.76), 8: 0.80})),
    Case("clean_frontier", OPEN, study({1: (0.74, 0.75, 0.76), 8: 0.80}, probed=STRONG)),
    Case("quality_95_percent", YES, study({1: 0.83, 8: 0.86})),
    Case("quality_95_percent", NO, study({1: 0.75, 8: 0.85})),
    Case("quality_95_percent", OPEN, UNSURE),
]
