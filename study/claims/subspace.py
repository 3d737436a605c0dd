"""Claims about the rank of what fine-tuning changes: the spectra, and what a truncated update does.

Two different things are called a low rank: that few singular values hold the update's energy
(metrics/spectra.json), and that few of its directions do the task (metrics/capacity.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.claims.advice import run, with_ranks
from study.claims.estimates import Estimate, over_seeds, published
from study.claims.evidence import Study, part
from study.claims.statements import Statement, above, below, within
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Verdict
from study.records.arm_names import FULL, LORA
from study.words.phrases import counted, margin, percent, share

LOW = 0.1
"""Up to this share of the full rank a rank is a low one: r << min(d, k), read as a tenth."""

SMALL = 8
"""The rank that the sources call small."""

_CHANCE = 0.05  # the share of matrices up to which shared directions may be chance
_RANKS = ("energy_rank", "effective_rank", "stable_rank")

Record = Mapping[str, Any]


def energy_is_low_rank(study: Study) -> Verdict:
    """The energy rank of full fine-tuning's updates is at most a tenth of the matrices' full rank.

    Mean over the adapted matrices, by seed. Hu et al. 2021 ask for r << min(d, k). Beside it are
    told two other ranks (`study.analyses.spectra.spectrum`) and the full one, means over matrices
    and seeds.
    """
    full_rank = {
        row["module"]: row["vectors"] for row in part(study.spectra, "spectra", "intruders")
    }
    rows = [
        row
        for row in part(study.spectra, "spectra", "full")
        if row["target"] and row["energy_rank"] is not None
    ]
    if not rows:
        raise CannotTell("full fine-tuning's best epoch left the adapted matrices as they were")
    shares: dict[int, list[float]] = {}
    for row in rows:
        shares.setdefault(row["seed"], []).append(row["energy_rank"] / full_rank[row["module"]])
    found = over_seeds([float(np.mean(values)) for values in shares.values()], "the energy rank")
    energy = percent(part(study.spectra, "spectra", "settings", "energy"))
    return study.every(
        [
            below(
                f"the rank that holds {energy} of the squared norm, as a share of the full rank,",
                found,
                LOW,
            )
        ],
        "full fine-tuning's update, mean over the adapted matrices. Beside it stand the mean "
        "energy, effective and stable rank, and the full one",
        **{key: float(np.mean([row[key] for row in rows])) for key in _RANKS},
        full_rank=float(np.mean([full_rank[row["module"]] for row in rows])),
    )


def small_rank_does_the_task(study: Study) -> Verdict:
    """Full fine-tuning's update cut to rank 8 or less keeps its accuracy within the middle margin.

    Cut by the Eckart-Young optimum for the layers' outputs. Nothing can be told where the model
    without any update of these matrices is not much worse.
    """
    curve = part(study.capacity, "capacity", "curves", "weighted")
    rows = [row for row in curve if row["rank"] <= SMALL]
    if not rows:
        command = with_ranks(study.ranks, SMALL)
        raise CannotTell(f"the sweep has no rank of {SMALL} or less: {command}")
    none = _gap(study, part(study.capacity, "capacity", "rank_zero"))
    if none.interval(study.alpha)[1] > -study.similar:
        raise CannotTell(
            "we cannot say that the model is much worse without any update of its matrices, so "
            "they may need no rank at all",
            gap_without=none.value,
        )
    row = max(rows, key=lambda row: int(row["rank"]))
    what = f"the update cut to rank {row['rank']} minus the whole update"
    return study.every(
        [above(what, _gap(study, row), -study.similar, "points")],
        f"whether the fully tuned model loses less than {margin(study.similar)} of test accuracy "
        f"when the update of every matrix is cut to the largest rank up to {SMALL}. Beside it "
        "stands what is lost without any of these updates",
        gap_without=none.value,
    )


def rest_adds_little(study: Study) -> Verdict:
    """Of full fine-tuning's update the adapted matrices' part alone is within the middle margin.

    All else but the head is pretrained there, in matrices that were tuned together.
    """
    alone = part(study.capacity, "capacity", "target_modules_alone")
    kinds = sorted({name.split(".")[-1] for name in _modules(study, "target_modules")})
    return study.every(
        [
            above(
                f"{' and '.join(kinds)} alone minus the whole update",
                _gap(study, alone),
                -study.similar,
                "points",
            )
        ],
        f"whether the fully tuned model loses less than {margin(study.similar)} of test accuracy "
        "when all but its head and the matrices that LoRA adapts are set back to the pretrained "
        f"ones. Tuned apart they may do better: {other_targets(study)}",
    )


def other_targets(study: Study) -> str:
    """Return the command that adapts every linear layer of the model."""
    every = sorted({name.split(".")[-1] for name in _modules(study, "modules")})
    return run(f"lora.target_modules=[{','.join(every)}]")


def lora_is_low_rank_approximation(study: Study) -> Verdict:
    """At every rank LoRA is as accurate as full fine-tuning's update cut to that rank.

    Cut in the better of the two ways that the capacity stage cuts it.
    """
    curves = part(study.capacity, "capacity", "curves")
    by_seed = {
        (kind, row["rank"]): np.array(row["by_seed"]) for kind in curves for row in curves[kind]
    }
    statements: list[Statement] = []
    for row in part(study.capacity, "capacity", "readings"):
        rank, kind, found = row["rank"], row["truncation"], row["lora_to_truncated"]
        apart = by_seed[LORA, rank] - by_seed[kind, rank]
        ends = {f"points_{end}": found[end] for end in ("low", "high")}
        estimate = _published(study, {"points": found["points"]} | ends, "points", list(apart))
        what = f"LoRA of rank {rank} minus full fine-tuning's update cut to it"
        statements += within(what, estimate, study.similar, "points")
    return study.every(
        statements,
        "whether at every rank LoRA and full fine-tuning's update cut to the same rank lie less "
        f"than {margin(study.similar)} apart in test accuracy",
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
    shared = float(np.mean(found))
    return Verdict(
        HOLDS if shared > 0.5 else FAILS if shared <= _CHANCE else UNTOLD,
        "share of matrices (inputs and outputs apart) in which seeds of full fine-tuning have a "
        f"direction in common, beyond what chance gives, of {counted(len(rows), 'comparison')}. "
        f"More than half counts as most; {share(_CHANCE)} may be chance",
        {"share": shared, "comparisons": len(rows)},
    )


def _gap(study: Study, row: Record) -> Estimate:
    """Return a curve's gap to full fine-tuning."""
    of_full = part(study.capacity, "capacity", FULL, "by_seed")
    by_seed: Sequence[float] = list(np.array(row["by_seed"]) - np.array(of_full))
    return _published(study, row, "gap_to_full", by_seed)


def _published(study: Study, record: Record, key: str, by_seed: Sequence[float]) -> Estimate:
    return published(
        record, key, by_seed, part(study.capacity, "capacity", "sentences"), study.alpha
    )


def _modules(study: Study, key: str) -> list[str]:
    found: list[str] = part(study.capacity, "capacity", key)
    return found
