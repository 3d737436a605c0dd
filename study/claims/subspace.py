"""Claims about the rank and the directions of what fine-tuning changes (metrics/spectra.json).

That few of an update's directions do the task is another thing than that few singular values hold
its energy: `study.claims.cut`.
"""

from __future__ import annotations

import numpy as np

from study.claims.controls import SHUFFLED, beyond, control
from study.claims.estimates import over_seeds
from study.claims.evidence import Study, part
from study.claims.statements import above, below
from study.claims.verdicts import CannotTell, Verdict
from study.records.arm_names import FULL
from study.words.phrases import counted, percent

LOW = 0.1
"""Up to this share of the full rank a rank is a low one: r << min(d, k), read as a tenth."""

_RANKS = ("energy_rank", "effective_rank", "stable_rank")


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


def updates_are_structured(study: Study) -> Verdict:
    """Seeds of full fine-tuning share more of their strongest directions than on shuffled labels.

    That they share directions beyond chance is no evidence: trained on shuffled labels, on which
    there is nothing to learn, seeds of the default study did so in 58 of 74 comparisons, as all
    runs begin at the same weights and see the same sentences. See `study.claims.controls`.
    """
    reasons = part(study.spectra, "spectra").get("reasons", {})
    rows = [row for row in part(study.spectra, "spectra", "replicated") if row["arm"] == FULL]
    if not rows:
        raise CannotTell(reasons.get("replicated", "no update of two seeds could be compared"))
    shared = sum(max(row["directions"]) > 0 for row in rows)
    numbers = {"shared": shared, "comparisons": len(rows)}
    found = control(study, SHUFFLED)
    if found is None:
        raise CannotTell(
            f"seeds of full fine-tuning share a direction in {shared} of "
            f"{counted(len(rows), 'comparison')}, but runs that learn nothing may share as many: "
            "they begin at the same weights and see the same sentences. Full fine-tuning on the "
            "same sentences with shuffled labels would tell, and this study has not trained it",
            **numbers,
        )
    return study.every(
        [above("how alike seeds are, with the task's labels minus shuffled ones,", beyond(found))],
        "whether seeds of full fine-tuning share more of their strongest directions when the "
        "labels are the task's than when they are shuffled, mean over matrices, inputs and outputs",
        **numbers,
    )
