"""The rows of the record that compare subspaces of one weight matrix's updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from torch import Tensor

from study.analyses.spectra import replication, similarity
from study.analyses.spectra.decomposed import SIDES, Arm, Decomposed
from study.records.arm_names import FULL, LORA

Row = dict[str, Any]


def between_ranks(of: Decomposed) -> Iterator[Row]:
    """Similarity of runs of one seed: LoRA with LoRA of another rank, and with full fine-tuning.

    Neighbouring ranks and the smallest with the largest; `other` None is full fine-tuning. `within`
    is phi(k, other): how much of the top k lies anywhere in the other LoRA's subspace. `same_start`
    marks the matrix that draws A first: of one seed, a smaller A starts there as rows of a larger.
    """
    lora = [rank for arm, rank in of.updates if arm == LORA and rank is not None]
    pairs: list[tuple[int, int | None]] = [*pairwise(lora)]
    if len(lora) > 2:
        pairs.append((lora[0], lora[-1]))
    for rank, other in [*pairs, *((rank, None) for rank in lora)]:
        arm: Arm = (FULL, None) if other is None else (LORA, other)
        for side in SIDES:
            one, two = of.bases((LORA, rank), side), of.bases(arm, side)
            tables = [similarity.similarity(one[s], two[s]) for s in one if s in two]
            if not tables:
                continue
            row: Row = {"module": of.matrix.module, "side": side, "rank": rank, "other": other}
            row |= _at(of, tables, of.features(side))
            del row["low"], row["high"]  # over seeds they differ little, and rows are many
            if other is not None:
                held = np.array([[float(table[k - 1, -1]) for k in row["k"]] for table in tables])
                row["within"] = held.mean(axis=0).tolist()
                row["within_floor"] = similarity.chance(1, tables[0].shape[1], of.features(side))
                row["same_start"] = of.matrix.first_target
            yield row


def between_seeds(of: Decomposed) -> Iterator[Row]:
    """Similarity of runs of one arm over all pairs of seeds."""
    for arm in of.updates:
        for side in SIDES:
            pairs = combinations(of.bases(arm, side).values(), 2)
            tables = [similarity.similarity(one, other) for one, other in pairs]
            if tables:
                named = {"module": of.matrix.module, "side": side, "arm": arm[0], "rank": arm[1]}
                yield named | _at(of, tables, of.features(side))


def _at(of: Decomposed, tables: Sequence[Tensor], dimensions: int) -> Row:
    """phi(k, k) for each k: mean, least and largest over the tables, and its floor."""
    sizes = of.sizes(min(min(table.shape) for table in tables))
    values = np.array([[float(table[k - 1, k - 1]) for k in sizes] for table in tables])
    return {
        "k": sizes,
        "similarity": values.mean(axis=0).tolist(),
        "low": values.min(axis=0).tolist(),
        "high": values.max(axis=0).tolist(),
        "floor": [similarity.chance(k, k, dimensions) for k in sizes],
    }


def replicated(of: Decomposed) -> Iterator[Row]:
    """Which directions come back over the seeds.

    For each k: `directions` that all seeds share beyond chance, and `shared`, how far the mean
    phi(k, k) over pairs of seeds has come from its floor (0) to 1. `angles`: smallest, median and
    largest principal angle, in degrees, of the largest k.
    """
    for arm in of.updates:
        for side in SIDES:
            bases = list(of.bases(arm, side).values())
            if len(bases) < 2:
                continue
            sizes = [k for k in of.sizes(bases[0].shape[1]) if k < of.features(side)]
            if not sizes:
                continue
            cut = {k: [basis[:, :k].contiguous() for basis in bases] for k in sizes}
            angles = replication.principal_angles(cut[sizes[-1]])
            yield {
                "module": of.matrix.module,
                "side": side,
                "arm": arm[0],
                "rank": arm[1],
                "k": sizes,
                "directions": [replication.replicated(cut[k]) for k in sizes],
                "shared": [_beyond(cut[k]) for k in sizes],
                "angles": [angles[0], float(np.median(angles)), angles[-1]],
            }


def _beyond(bases: Sequence[Tensor]) -> float:
    dimensions, k = bases[0].shape
    pairs = combinations(bases, 2)
    mean = np.mean([float((a.T @ b).square().sum()) / k for a, b in pairs])
    floor = similarity.chance(k, k, dimensions)
    return float((mean - floor) / (1 - floor))
