"""Claims about speed, decided by counting floating-point operations (metrics/cost.json).

Nothing here is timed, since no record that others depend on holds timings. What the machine took
stands in metrics/machine/, and in the report.
"""

from __future__ import annotations

from study.claims.counting import rows_of
from study.claims.evidence import Study, Test
from study.claims.verdicts import CannotTell, Verdict, exactly
from study.labels import FULL, HEAD_ONLY, LORA
from study.words import share

HARDLY = 1.1
"""Up to this ratio a cost hardly changes."""

_COUNTED = "counted, not timed: floating-point operations a token of training"


def compute_hardly_grows(study: Study) -> Verdict:
    """The largest rank takes at most a tenth more operations a token than the smallest."""
    ratio, numbers = _rank_ratio(study)
    return Verdict(exactly(ratio <= HARDLY), _COUNTED, numbers)


def compute_grows(study: Study) -> Verdict:
    """The largest rank takes over a tenth more operations a token than the smallest."""
    ratio, numbers = _rank_ratio(study)
    return Verdict(exactly(ratio > HARDLY), _COUNTED, numbers)


def cheaper_than_full(most: float) -> Test:
    """Every rank takes less than so much of full fine-tuning's operations a token."""

    def test(study: Study) -> Verdict:
        (full,) = (row["flops_per_token"] for row in rows_of(study, FULL))
        largest = max(row["flops_per_token"] for row in rows_of(study, LORA))
        return Verdict(
            exactly(largest < most * full),
            f"{_COUNTED}; the costliest rank's, against {share(most)} of full fine-tuning's",
            {"share_of_full": largest / full},
        )

    return test


def full_costs_most(study: Study) -> Verdict:
    """Full fine-tuning has the most trainable parameters, operations a token and bytes to store."""
    keys = ("trainable_parameters", "flops_per_token", "storage_bytes")
    (full,) = rows_of(study, FULL)
    others = [*rows_of(study, HEAD_ONLY), *rows_of(study, LORA)]
    return Verdict(
        exactly(all(row[key] < full[key] for row in others for key in keys)),
        "trainable parameters, floating-point operations a token of training and bytes stored: "
        "the largest of any other arm as a share of full fine-tuning's",
        {key: max(row[key] for row in others) / full[key] for key in keys},
    )


def merges(study: Study) -> Verdict:
    """Every rank's update can be put into the base's weights: it then computes what the base does.

    That its latency is the base's follows; what was timed stands in metrics/machine/cost.json.
    """
    rows = rows_of(study, LORA)
    able = sum(bool(row["mergeable"]) for row in rows)
    return Verdict(
        exactly(able == len(rows)),
        "ranks whose merged model has the base's layers and no others, so the same operations",
        {"mergeable": able, "ranks": len(rows)},
    )


def _rank_ratio(study: Study) -> tuple[float, dict[str, float]]:
    flops = {row["rank"]: row["flops_per_token"] for row in rows_of(study, LORA)}
    if len(flops) < 2:
        raise CannotTell("one rank has nothing to be compared with")
    small, large = min(flops), max(flops)
    ratio = flops[large] / flops[small]
    return ratio, {"smallest_rank": small, "largest_rank": large, "ratio": ratio}
