"""Claims about the rank of what fine-tuning changes: the spectra, and what a truncated update does.

Two different things are called a low rank: that few singular values hold the update's energy
(metrics/spectra.json), and that few of its directions do the task (metrics/capacity.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.claims.evidence import Study, part
from study.claims.verdicts import (
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Estimate,
    Verdict,
    every,
    from_interval,
    over_seeds,
)
from study.labels import FULL
from study.words import counted, margin, percent

LOW = 0.1
"""Up to this share of the full rank, a rank is a low one."""

SMALL = 8
"""The rank that the sources call small."""

_CHANCE = 0.05  # the share of matrices up to which shared directions may be chance


def energy_is_low_rank(study: Study) -> Verdict:
    """The energy rank of full fine-tuning's updates is at most a tenth of the matrices' full rank.

    Mean over the adapted matrices, by seed.
    """
    rows = part(study.spectra, "spectra", "full")
    full_rank = {
        row["module"]: row["vectors"] for row in part(study.spectra, "spectra", "intruders")
    }
    shares: dict[int, list[float]] = {}
    for row in rows:
        if row["target"] and row["energy_rank"] is not None:
            share = row["energy_rank"] / full_rank[row["module"]]
            shares.setdefault(row["seed"], []).append(share)
    if not shares:
        raise CannotTell("full fine-tuning's best epoch left the adapted matrices as they were")
    found = over_seeds([float(np.mean(values)) for values in shares.values()], "the energy rank")
    energy = part(study.spectra, "spectra", "settings", "energy")
    return Verdict(
        every([found.below(LOW)], study.alpha),
        f"rank that holds {percent(energy)} of the squared norm, over the full rank, mean over the "
        f"adapted matrices, held against {LOW:g}",
        study.numbers(found, "share_of_full_rank") | {"energy": energy},
    )


def small_rank_does_the_task(study: Study) -> Verdict:
    """Full fine-tuning's update cut to rank 8 or less keeps its accuracy within the middle margin.

    Cut by the Eckart-Young optimum for the layers' outputs. Nothing can be told where the model
    without any update of these matrices is not much worse.
    """
    curve = part(study.capacity, "capacity", "curves", "weighted")
    rows = [row for row in curve if row["rank"] <= SMALL]
    if not rows:
        raise CannotTell(f"the sweep has no rank of {SMALL} or less")
    none = _gap(study, part(study.capacity, "capacity", "rank_zero"))
    if none.interval(study.alpha)[1] > -study.similar:
        raise CannotTell(
            "without any update of its matrices the model is not shown to be much worse",
            **study.numbers(none, "gap_without"),
        )
    row = max(rows, key=lambda row: row["rank"])
    gap = _gap(study, row)
    return Verdict(
        every([gap.above(-study.similar)], study.alpha),
        f"test accuracy of full fine-tuning with its update cut to rank {row['rank']}, less all of "
        f"it, held against {margin(study.similar)}",
        {"rank": row["rank"]} | study.numbers(gap, "gap") | study.numbers(none, "gap_without"),
    )


def lora_is_low_rank_approximation(study: Study) -> Verdict:
    """At every rank LoRA is as accurate as full fine-tuning's update cut to that rank."""
    rows = part(study.capacity, "capacity", "readings")
    apart = {row["rank"]: _difference(study, row["lora_to_truncated"]) for row in rows}
    widest = max(apart, key=lambda rank: abs(apart[rank].value))
    statements = [one for each in apart.values() for one in each.within(study.similar)]
    return Verdict(
        every(statements, study.alpha),
        f"test accuracy of LoRA less full fine-tuning's update cut to its rank, held against "
        f"{margin(study.similar)}; widest at rank {widest}",
        study.numbers(apart[widest], "difference"),
    )


def updates_are_structured(study: Study) -> Verdict:
    """In most matrices seeds share directions of full fine-tuning's update beyond chance.

    Refuted if they do so in no more matrices than chance would allow (5 %).
    """
    reasons = part(study.spectra, "spectra").get("reasons", {})
    rows = [row for row in part(study.spectra, "spectra", "replicated") if row["arm"] == FULL]
    if not rows:
        raise CannotTell(reasons.get("replicated", "no update of two seeds could be compared"))
    found = [max(row["directions"]) > 0 for row in rows]
    share = float(np.mean(found))
    return Verdict(
        HOLDS if share > 0.5 else FAILS if share <= _CHANCE else UNTOLD,
        "share of matrices (inputs and outputs apart) in which seeds have a direction of full "
        f"fine-tuning's update in common beyond chance, of {counted(len(rows), 'comparison')}",
        {"share": share, "comparisons": len(rows)},
    )


def _gap(study: Study, row: Mapping[str, Any]) -> Estimate:
    low, high = row["gap_to_full_low"], row["gap_to_full_high"]
    return from_interval(row["gap_to_full"], low, high, study.alpha)


def _difference(study: Study, found: Mapping[str, float]) -> Estimate:
    return from_interval(found["points"], found["low"], found["high"], study.alpha)
