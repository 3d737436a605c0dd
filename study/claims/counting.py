"""Claims that counting decides: parameters and bytes. They are true or false.

Memory is counted as far as it follows from the number of parameters. What the machine took stands
in metrics/machine/, on which nothing may depend, and in the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.claims.evidence import Study, Test, part
from study.claims.near import FEW, share_of
from study.claims.verdicts import CONSTRUCTION, COUNTED, Verdict, exactly
from study.records.arm_names import FULL, LORA
from study.words.phrases import share

MUCH = 0.1
"""More than this share of a model's bytes is much memory."""

MEASURED_TABLE = "What was measured stands in the report's section What it costs"

MEGABYTE = 10**6
_STATE = 16  # bytes that AdamW holds a trainable number: itself, its gradient, two moments, in fp32


def linear_in_rank(study: Study) -> Verdict:
    """Adapter parameters over rank are the same number at every rank of the sweep."""
    per_rank = {r: study.lora(r).adapter_parameters / r for r in study.several_ranks()}
    return Verdict(
        exactly(len(set(per_rank.values())) == 1),
        "adapter parameters divided by the rank, at every rank of the sweep",
        {
            "least_per_rank": min(per_rank.values()),
            "most_per_rank": max(per_rank.values()),
            "ranks": len(per_rank),
        },
        CONSTRUCTION,
    )


def formula(study: Study) -> Verdict:
    """Adapter parameters are the rank times inputs plus outputs, summed over adapted matrices."""
    per_rank = part(study.capacity, "capacity", "numbers_per_rank", LORA)
    modules = part(study.capacity, "capacity", "target_modules")
    differ = [r for r in study.ranks if study.lora(r).adapter_parameters != r * per_rank]
    rank = differ[0] if differ else study.ranks[-1]
    return Verdict(
        exactly(not differ),
        f"inputs plus outputs of {len(modules)} adapted matrices, {per_rank} in sum, times the "
        "rank, beside the parameters that were counted",
        {
            "per_rank": per_rank,
            "rank": rank,
            "by_formula": rank * per_rank,
            "counted": study.lora(rank).adapter_parameters,
        },
        CONSTRUCTION,
    )


def share_below(rank: int, most: float) -> Test:
    """With this rank, whether or not it is in the sweep, less than a share is trained."""

    def test(study: Study) -> Verdict:
        found = _share_at(study, rank)
        return Verdict(
            exactly(found < most),
            f"share of the parameters that rank {rank} trains in this model; the claim asks for "
            f"less than {share(most)}",
            {"rank": rank, "share": found},
            COUNTED,
        )

    return test


def share_about(rank: int, about: float) -> Test:
    """The share that this rank trains is between half and twice of what is said."""

    def test(study: Study) -> Verdict:
        found = _share_at(study, rank)
        return Verdict(
            exactly(about / 2 <= found <= 2 * about),
            f"share of the parameters that rank {rank} trains in this model; from half to twice of "
            f"{share(about)} counts as about that",
            {"rank": rank, "share": found},
            COUNTED,
        )

    return test


def small_head(study: Study) -> Verdict:
    """The head has fewer parameters than the adapter of any rank of the sweep."""
    smallest = study.lora(study.ranks[0])
    return Verdict(
        exactly(smallest.head_parameters < smallest.adapter_parameters),
        f"parameters of the head beside those of the adapter of rank {study.ranks[0]}",
        {
            "head_parameters": smallest.head_parameters,
            "adapter_parameters": smallest.adapter_parameters,
        },
        COUNTED,
    )


def unfrozen_trains_everything(study: Study) -> Verdict:
    """With the base unfrozen as well, at least as much is trained as in full fine-tuning."""
    arm = study.lora(study.ranks[0])
    unfrozen = arm.total_parameters + arm.adapter_parameters
    return Verdict(
        exactly(unfrozen >= study.full.trainable_parameters > arm.trainable_parameters),
        f"parameters that rank {study.ranks[0]} trains, that it would train with the base left "
        "unfrozen, and that full fine-tuning trains; what that does to accuracy was not tried",
        {
            "frozen": arm.trainable_parameters,
            "unfrozen": unfrozen,
            "full": study.full.trainable_parameters,
        },
        CONSTRUCTION,
    )


def small_storage(study: Study) -> Verdict:
    """Every rank's files take 10 MB or less, and less than 5 % of full fine-tuning's."""
    largest = max(row["storage_bytes"] for row in rows_of(study, LORA))
    (full,) = (row["storage_bytes"] for row in rows_of(study, FULL))
    return Verdict(
        exactly(largest <= 10 * MEGABYTE and largest < FEW * full),
        "megabytes that a task takes on disk: the largest rank's adapter and head, and a fully "
        f"tuned model. The claim asks for 10 at most, and for less than {share(FEW)} of the model",
        {"largest_adapter_mb": largest / MEGABYTE, "full_mb": full / MEGABYTE},
        COUNTED,
    )


def memory_grows(study: Study) -> Verdict:
    """The largest rank's trained state takes over a tenth of the model's bytes more than the least.

    Counted are parameters, gradients and AdamW's two moments in fp32, beside the model in fp32.
    """
    small, *_, large = (study.lora(rank) for rank in study.several_ranks())
    more = _STATE * (large.trainable_parameters - small.trainable_parameters)
    model = 4 * large.total_parameters
    return Verdict(
        exactly(more > MUCH * model),
        f"megabytes of parameters, gradients and AdamW's moments that rank {large.rank}, the "
        f"largest here, has more than rank {small.rank}; over {share(MUCH)} of the model's is "
        f"noticeably more. {MEASURED_TABLE}",
        {"more_mb": more / MEGABYTE, "model_mb": model / MEGABYTE, "share": more / model},
        COUNTED,
    )


def less_memory_than_full(study: Study) -> Verdict:
    """The largest rank's weights, gradients and moments take less than half of full's bytes.

    All in fp32, activations aside, which both have.
    """
    arm = study.lora(study.ranks[-1])
    frozen = 4 * (arm.total_parameters + arm.adapter_parameters - arm.trainable_parameters)
    lora = frozen + _STATE * arm.trainable_parameters
    full = _STATE * study.full.trainable_parameters
    return Verdict(
        exactly(lora < full / 2),
        f"megabytes of weights, gradients and AdamW's moments at rank {arm.rank}, the largest "
        "here, beside full fine-tuning's, of which under half is asked for; activations are left "
        "out. "
        f"{MEASURED_TABLE}",
        {"lora_mb": lora / MEGABYTE, "full_mb": full / MEGABYTE, "share_of_full": lora / full},
        COUNTED,
    )


def rows_of(study: Study, arm: str) -> list[Mapping[str, Any]]:
    """Return the arm's rows of metrics/cost.json, which count what the claim needs."""
    rows: Sequence[Mapping[str, Any]] = part(study.cost, "cost", "arms")
    return [row for row in rows if row["arm"] == arm]


def _share_at(study: Study, rank: int) -> float:
    """Return the trainable share at a rank: counted, or in proportion to one that was."""
    if rank in study.ranks:
        return share_of(study.lora(rank))
    arm = study.lora(study.ranks[0])
    adapter = arm.adapter_parameters / study.ranks[0] * rank
    return (adapter + arm.head_parameters) / (arm.total_parameters + adapter)
