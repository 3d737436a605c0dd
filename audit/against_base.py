"""An update beside the weight that it changes: its size, what it amplifies, what it brings in.

Each figure has its control: amplification that of W0's own and of random directions, intruders the
count of a random update with the same singular values (`study.analyses.spectra`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from audit.directions import ROUNDING
from audit.saved import Module
from audit.updates import Updates
from lora.spectra import SVD
from study.analyses.spectra import intruders
from study.analyses.spectra.amplification import amplification
from study.batches import streams

INTRUDER = 0.5  # a tuned vector is one if no pretrained one is as near, as the study has it


def against_base(updates: Updates) -> dict[str, dict[str, Any]]:
    """Return each module's figures, one module's weight in memory at a time.

    Raises:
        StudyError: the base has no such weight, or of another shape.
    """
    base = updates.base
    assert base is not None
    found = {}
    for module, A, B in updates.factors():
        W0 = base.weight(module)
        found[module.name] = figures(module, updates.dense(module, A, B, W0), W0)
    return found


def figures(module: Module, D: Tensor, W0: Tensor) -> dict[str, Any]:
    """Return what is told of one update.

    - weight_norm, relative_norm: |W0|_F and |D|_F / |W0|_F.
    - amplification: of the update's first directions, as many as its rank; of W0's own; of random
      ones. None where the update is zero, or W0 does not see its directions.
    - intruders: among the first `looked_at` left singular vectors of W0 + D; of a random update as
      large; floor: what cosine a random direction has; told: whether the threshold is above it.

    Args:
        D, W0: (out, in), fp64.
    """
    own, update = (SVD(*torch.linalg.svd(M, full_matrices=False)) for M in (W0, D))
    weight_norm, norm = float(own.S.norm()), float(update.S.norm())
    floor = intruders.random_floor(len(W0), min(W0.shape))
    row: dict[str, Any] = {
        "weight_norm": weight_norm,
        "relative_norm": norm / weight_norm if weight_norm else None,
        "amplification": None,
        "intruders": None,
    }
    if not norm:
        return row
    there = int((update.S / update.S[0] > ROUNDING).sum())
    rank = min(module.rank, there)
    of = amplification(W0, own.S, update, rank)
    if of.on_update:
        row["amplification"] = {
            "rank": rank,
            "update": of.factor,
            "own": of.norm / of.on_own,
            "random": of.norm / of.on_random,
        }
    draw = streams.generator(0, f"random update of {module.name}", rank)
    drawn = intruders.at_random(update.S[:rank], (W0.shape[0], W0.shape[1]), draw)
    row["intruders"] = {
        "count": _count(W0 + D, own.U),
        "random": _count(W0 + drawn, own.U),
        "looked_at": min(intruders.FIRST, *W0.shape),
        "floor": floor,
        "told": floor < INTRUDER,
    }
    return row


def _count(tuned: Tensor, pretrained: Tensor) -> int:
    nearest = intruders.nearest_cosines(intruders.first_left_vectors(tuned), pretrained)
    return int((nearest < INTRUDER).sum())
