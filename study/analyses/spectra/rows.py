"""The rows of the record that one weight matrix gives: spectra, amplification, intruders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lora.spectra import peft_ranks
from study.analyses.spectra import intruders
from study.analyses.spectra.amplification import amplification
from study.analyses.spectra.decomposed import Decomposed
from study.analyses.spectra.spectrum import spectrum
from study.analyses.spectra.updates import Matrix
from study.batches import streams
from study.records.arm_names import FULL, LORA
from study.settings.spectra import SpectraSettings

Row = dict[str, Any]

# PEFT's guide "LoRA conversion" shows 0.5 and 0.7 for the update of another method; of the
# thresholds that it tries on a trained LoRA, 0.95 is the one that loses least.
PEFT_THRESHOLDS = (0.5, 0.7, 0.95)


def spectra(of: Decomposed, settings: SpectraSettings) -> tuple[list[Row], list[Row]]:
    """The singular values of full fine-tuning's updates and of LoRA's, a row a run.

    `peft_ranks`, by threshold: of full fine-tuning's and the largest LoRA's alone.
    """
    rows: dict[str, list[Row]] = {FULL: [], LORA: []}
    norm = float(of.own.S.norm())
    for (arm, rank), by_seed in of.updates.items():
        for seed, svd in by_seed.items():
            named = _named(of.matrix) | ({} if rank is None else {"rank": rank}) | {"seed": seed}
            found = spectrum(svd.S, norm, settings.energy, of.ranks)
            if found["norm"] and rank in (None, of.ranks[-1]):  # what the rules of thumb ask for
                ranks = peft_ranks(of.deltas[arm, rank][seed], PEFT_THRESHOLDS)
                peft = {str(t): r for t, r in zip(PEFT_THRESHOLDS, ranks, strict=True)}
                found["peft_ranks"] = peft
            rows[arm].append(named | found)
    return rows[FULL], rows[LORA]


def amplifications(of: Decomposed) -> Iterator[Row]:
    """The amplification of each arm's top directions: means over seeds, with the factor's range.

    A factor is a ratio of means: of single ratios, one whose W0 happens to see next to nothing
    would outweigh the others.
    """
    for (arm, rank), by_seed in of.updates.items():
        svds = [svd for svd in by_seed.values() if float(svd.S[0]) > 0]
        for r in of.sizes(min(of.W0.shape)) if rank is None else [rank]:
            found = [amplification(of.W0, of.own.S, svd, r) for svd in svds]
            if not found:
                continue
            means = {
                key: float(np.mean([getattr(a, key) for a in found])) for key in found[0]._fields
            }
            seen = means["on_update"] > 0
            factors = [a.factor for a in found if np.isfinite(a.factor)]
            yield (
                {"module": of.matrix.module, "arm": arm, "rank": r}
                | means
                | {
                    "factor": means["norm"] / means["on_update"] if seen else None,
                    "factor_low": min(factors) if seen else None,
                    "factor_high": max(factors) if seen else None,
                    "factor_own": means["norm"] / means["on_own"],
                    "factor_random": means["norm"] / means["on_random"],
                }
            )


def intruder_rows(of: Decomposed, settings: SpectraSettings) -> Iterator[Row]:
    """Intruders among the first ten vectors of each arm: a count a seed.

    `random`: a count a seed as well, of a random update with the same singular values, so of the
    same norm and rank (`study.analyses.spectra.intruders.at_random`). `least_cosine`: of those ten
    with their nearest pretrained vector, the mean over seeds;
    `vectors`: how many singular vectors the matrix has.
    """
    rows, columns = of.W0.shape
    floor = intruders.random_floor(rows, min(rows, columns))
    for (arm, rank), by_seed in of.deltas.items():
        first, least, random = [], [], []
        for seed, delta in by_seed.items():
            cosines = _nearest(of, delta.double())
            first.append(int((cosines < settings.intruder_cosine).sum()))
            least.append(float(cosines.min()))
            generator = streams.generator(seed, f"random update of {of.matrix.module}", rank or 0)
            drawn = intruders.at_random(of.updates[arm, rank][seed].S, (rows, columns), generator)
            random.append(int((_nearest(of, drawn) < settings.intruder_cosine).sum()))
        yield {
            "module": of.matrix.module,
            "arm": arm,
            "rank": rank,
            "first": first,
            "random": random,
            "vectors": min(rows, columns),
            "least_cosine": float(np.mean(least)),
            "floor": floor,
            "beats_floor": settings.intruder_cosine > floor,
        }


def _nearest(of: Decomposed, delta: Tensor) -> Tensor:
    """The cosine of each of the first ten vectors of W0 + delta with its nearest of W0."""
    return intruders.nearest_cosines(intruders.first_left_vectors(of.W0 + delta), of.own.U)


def gradient_row(of: Decomposed, seed: int, gradient: Tensor, settings: SpectraSettings) -> Row:
    """The spectrum of one seed's gradient at the start."""
    S = torch.linalg.svdvals(gradient.double())
    found = spectrum(S, float(of.own.S.norm()), settings.energy, of.ranks)
    found.pop("relative_norm")
    if not found["norm"]:
        found["reason"] = "the gradient is zero: the loss does not depend on this matrix"
    found["singular_values"] = found["singular_values"][: max(of.ranks)]
    return _named(of.matrix) | {"seed": seed} | found


def _named(matrix: Matrix) -> Row:
    return {
        "module": matrix.module,
        "layer": matrix.layer,
        "kind": matrix.kind,
        "target": matrix.target,
    }
