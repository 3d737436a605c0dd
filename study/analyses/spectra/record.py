"""What `metrics/spectra.json` holds: singular values and vectors of every update.

    settings       energy, intruder_cosine, gradient_sentences, ranks, seeds
    summary        an arm a row: means over the target matrices and seeds
    full, lora     a matrix and run a row: `study.analyses.spectra.spectrum`; peft_ranks by
    threshold
    similarity     between_ranks, between_seeds: `study.analyses.spectra.subspaces`, phi(k, k) and
    its floor
    replicated     which directions come back over the seeds: `study.analyses.spectra.replication`
    chance         the eigenvalue that a replicated direction has to beat
    amplification  `study.analyses.spectra.amplification`, with its two controls
    intruders      `study.analyses.spectra.intruders`, with their control
    controls       shuffled_labels, where such runs were trained: `study.analyses.spectra.controls`
    intruder_floor whether the threshold beats a random direction, in words
    gradient       a target matrix and seed a row: the spectrum of the gradient at the start
    notes          what has to be known to read this
    reasons        why a part is empty

Modules are named in full; `layer`, `kind` (the name within the layer) and `target` (whether LoRA
adapts it) stand in the rows of `full`. Arms are "full" (rank None, or the number of directions that
are looked at) and "lora". Means over seeds unless a row has a seed. Numbers have six significant
digits, shares and angles four: the rest is rounding of the machine's, or of no use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from study.analyses.spectra import rows, subspaces
from study.analyses.spectra.controls import SharedBySeeds
from study.analyses.spectra.decomposed import decompose
from study.analyses.spectra.replication import by_chance
from study.analyses.spectra.updates import Updates
from study.records.arm_names import FULL, LORA
from study.settings.spectra import SpectraSettings

Row = dict[str, Any]
Gradients = Callable[[int], Mapping[str, Tensor]]

_SHORT = {"energy", "similarity", "low", "high", "within", "floor", "shared", "angles"}
ONE_SEED = "one seed: there is nothing to compare it with"
ONE_RANK = "one rank: there is no other to compare it with but full fine-tuning"


def spectra_record(
    updates: Updates,
    gradients: Mapping[int, Mapping[str, Tensor]],
    settings: SpectraSettings,
    shuffled: Mapping[int, Mapping[str, Tensor]] | None = None,
) -> Row:
    """Measure every matrix, one at a time.

    Args:
        gradients: seed, then module: the gradient at the start (out, in)
        shuffled: seed, then module: the update of full fine-tuning on shuffled labels; None if
            there is none
    """
    full: list[Row] = []
    lora: list[Row] = []
    between_ranks: list[Row] = []
    between_seeds: list[Row] = []
    replicated: list[Row] = []
    amplification: list[Row] = []
    intruders: list[Row] = []
    gradient: list[Row] = []
    shared = SharedBySeeds(shuffled) if shuffled and len(shuffled) > 1 else None
    for matrix in updates.matrices:
        of = decompose(matrix, updates)
        of_full, of_lora = rows.spectra(of, settings)
        full += of_full
        lora += of_lora
        between_ranks += subspaces.between_ranks(of)
        between_seeds += subspaces.between_seeds(of)
        replicated += subspaces.replicated(of)
        amplification += rows.amplifications(of)
        intruders += rows.intruder_rows(of, settings)
        if shared is not None:
            shared.add(of)
        for seed, by_module in gradients.items() if matrix.target else ():
            gradient.append(rows.gradient_row(of, seed, by_module[matrix.module], settings))
    seeds, ranks = list(updates.full), list(updates.lora)
    reasons: dict[str, str] = {}
    if len(seeds) < 2:
        reasons |= {"between_seeds": ONE_SEED, "replicated": ONE_SEED}
    if len(ranks) < 2:
        reasons["between_ranks"] = ONE_RANK
    record = {
        "settings": {
            "energy": settings.energy,
            "intruder_cosine": settings.intruder_cosine,
            "gradient_sentences": settings.gradient_sentences,
            "ranks": ranks,
            "seeds": seeds,
        },
        "summary": _summary(full, lora, amplification, intruders),
        "full": full,
        "lora": lora,
        "similarity": {"between_ranks": between_ranks, "between_seeds": between_seeds},
        "replicated": replicated,
        "chance": _chance(updates, replicated),
        "amplification": amplification,
        "intruders": intruders,
        "controls": {} if shared is None else {"shuffled_labels": shared.record()},
        "intruder_floor": _floor(intruders, settings.intruder_cosine),
        "gradient": gradient,
        "notes": NOTES,
        "reasons": reasons,
    }
    rounded: Row = _rounded(record)
    return rounded


NOTES = {
    "similarity": "Runs of one seed draw A from the same random numbers. So in the first adapted"
    " matrix (same_start) a smaller A starts as rows of a larger one, and ranks are alike there in"
    " part because they start alike. Runs of two seeds share only the data and the pretrained"
    " weights.",
    "gradient": "Taken at the pretrained weights, with each seed's random head. A linear head of C"
    " classes sends back at most C - 1 directions, so a low rank at the start comes in part from"
    " the head.",
    "intruders": "Counted among the first ten left singular vectors, as PEFT's"
    " reduce_intruder_dimension counts them.",
}


def _chance(updates: Updates, replicated: Sequence[Row]) -> list[Row]:
    """Return what random subspaces of every size that was compared reach."""
    shapes = {matrix.module: tuple(matrix.W0.shape) for matrix in updates.matrices}
    sizes = {
        (shapes[row["module"]][row["side"] == "input"], k) for row in replicated for k in row["k"]
    }
    return [
        {"dimensions": d, "k": k, "eigenvalue": by_chance(d, k, len(updates.full))}
        for d, k in sorted(sizes)
    ]


def _summary(
    full: Sequence[Row],
    lora: Sequence[Row],
    amplification: Sequence[Row],
    intruders: Sequence[Row],
) -> list[Row]:
    """Return means over the target matrices and seeds of each arm."""
    targets = {row["module"] for row in full if row["target"]}
    found = []
    for rank in [None, *sorted({row["rank"] for row in lora})]:
        arm = LORA if rank else FULL
        spectra = [r for r in (lora if rank else full) if r["target"] and r.get("rank") == rank]
        row: Row = {"arm": arm, "rank": rank}
        for key in ("norm", "relative_norm", "energy_rank", "effective_rank", "stable_rank"):
            row[key] = _mean([r[key] for r in spectra if r[key] is not None])
        factors = [
            r["factor"]
            for r in amplification
            if (r["arm"], r["rank"]) == (arm, rank) and r["module"] in targets and r["factor"]
        ]
        of_arm = [
            r for r in intruders if (r["arm"], r["rank"]) == (arm, rank) and r["module"] in targets
        ]
        row |= {
            "amplification": _mean(factors),
            "intruders": _mean([count for r in of_arm for count in r["first"]]),
            "intruders_random": _mean([count for r in of_arm for count in r["random"]]),
        }
        found.append(row)
    return found


def _floor(intruders: Sequence[Row], cosine: float) -> Row:
    """Say whether the threshold can tell a random direction from one that was there before."""
    highest = max(row["floor"] for row in intruders)
    blind = sorted({row["module"] for row in intruders if not row["beats_floor"]})
    if blind:
        many = f"{len(blind)} {'matrix' if len(blind) == 1 else 'matrices'}"
        words = (
            f"In {many} the threshold of {cosine:g} is too low: a random direction has a cosine of "
            f"up to {highest:.3f} with the nearest pretrained one. So not even one that has "
            "nothing to do with the pretrained weight would count as an intruder there."
        )
    else:
        words = (
            f"The threshold of {cosine:g} can tell: a random direction would count as an intruder "
            f"in every matrix, with a cosine of {highest:.3f} at most."
        )
    return {"cosine": cosine, "highest_floor": highest, "not_beaten": blind, "words": words}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _rounded(value: Any, digits: int = 6) -> Any:
    """Round every float to six significant digits, shares and angles to four."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {k: _rounded(item, 4 if k in _SHORT else digits) for k, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item, digits) for item in value]
    return value
