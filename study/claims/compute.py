"""Claims about speed, decided by counting floating-point operations (metrics/cost.json).

Nothing here is timed, since no record that others depend on holds timings. What the machine took
stands in metrics/machine/cost.json, and in the report's table "What it costs".
"""

from __future__ import annotations

from study.claims.counting import MEASURED_TABLE, rows_of
from study.claims.evidence import Study, Test
from study.claims.verdicts import CONSTRUCTION, COUNTED, CannotTell, Verdict, exactly
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.phrases import share

HARDLY = 1.1
"""Up to this ratio a cost hardly changes."""

_OPERATIONS = "floating-point operations a token of training"


def compute_hardly_grows(study: Study) -> Verdict:
    """The largest rank takes at most a tenth more operations a token than the smallest."""
    flops = {row["rank"]: row["flops_per_token"] for row in rows_of(study, LORA)}
    if len(flops) < 2:
        raise CannotTell("one rank has nothing to be compared with: more `lora.ranks`")
    small, large = min(flops), max(flops)
    ratio = flops[large] / flops[small]
    return Verdict(
        exactly(ratio <= HARDLY),
        f"{_OPERATIONS} at rank {large}, the largest here, over those at rank {small}; up to "
        f"{HARDLY:g} times counts as hardly more. {MEASURED_TABLE}",
        {"smallest_rank": small, "largest_rank": large, "ratio": ratio},
        COUNTED,
    )


def cheaper_than_full(most: float) -> Test:
    """Every rank takes less than so much of full fine-tuning's operations a token."""

    def test(study: Study) -> Verdict:
        (full,) = (row["flops_per_token"] for row in rows_of(study, FULL))
        rows = rows_of(study, LORA)
        largest = max(rows, key=lambda row: float(row["flops_per_token"]))
        return Verdict(
            exactly(largest["flops_per_token"] < most * full),
            f"{_OPERATIONS} at rank {largest['rank']}, the costliest here, as a share of full "
            f"fine-tuning's; the claim asks for less than {share(most)}. {MEASURED_TABLE}",
            {"rank": largest["rank"], "share_of_full": largest["flops_per_token"] / full},
            COUNTED,
        )

    return test


def full_costs_most(study: Study) -> Verdict:
    """Full fine-tuning has the most trainable parameters, operations a token and bytes to store."""
    keys = ("trainable_parameters", "flops_per_token", "storage_bytes")
    (full,) = rows_of(study, FULL)
    others = [*rows_of(study, HEAD_ONLY), *rows_of(study, LORA)]
    return Verdict(
        exactly(all(row[key] < full[key] for row in others for key in keys)),
        f"the most that any other arm has, as a share of full fine-tuning's: trainable parameters, "
        f"{_OPERATIONS} and bytes to store. {MEASURED_TABLE}",
        {f"share_of_{key}": max(row[key] for row in others) / full[key] for key in keys},
        COUNTED,
    )


def merges(study: Study) -> Verdict:
    """Every rank's update can be put into the base's weights: it then computes what the base does.

    That its latency is the base's follows; what was timed stands in metrics/machine/cost.json.
    """
    rows = rows_of(study, LORA)
    able = sum(bool(row["mergeable"]) for row in rows)
    (full,) = (row["inference_flops_per_token"] for row in rows_of(study, FULL))
    unmerged = max(row["inference_flops_per_token"] for row in rows)
    return Verdict(
        exactly(able == len(rows)),
        "a merged model has the base's layers and no others, so it takes the base's operations. "
        "Told are how many ranks' adapters were merged and gave the same logits, and how much more "
        f"the costliest takes if it stays unmerged. {MEASURED_TABLE}",
        {"merged": f"{able} of {len(rows)}", "overhead_unmerged": unmerged / full - 1},
        CONSTRUCTION,
    )


def swaps(study: Study) -> Verdict:
    """Every rank's adapter was merged into one base in turn and taken out again, bit for bit.

    The cost stage does so, and stops if the base's weights are then not those from before.
    """
    rows = rows_of(study, LORA)
    able = sum(bool(row["mergeable"]) for row in rows)
    differences = [row["merge_difference"] for row in rows if row["merge_difference"] is not None]
    return Verdict(
        exactly(able == len(rows)),
        "the cost stage put a trained adapter of each rank into the same base in turn, merged it, "
        "and took it out again. After each the base's weights were those from before, bit for bit "
        "(it stops if they are not). Told is also how far the merged model's logits are from the "
        "unmerged one's, relative to the largest",
        {"swapped": f"{able} of {len(rows)}", "largest_difference": max(differences, default=None)},
    )
