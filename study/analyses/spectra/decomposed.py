"""One weight matrix with every run's update of it, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from torch import Tensor

from lora.spectra import SVD
from study.analyses.spectra.updates import Matrix, Updates, full_svd, lora_svd
from study.records.arm_names import FULL, LORA

SIDES = ("input", "output")
Arm: TypeAlias = tuple[str, int | None]


@dataclass(frozen=True)
class Decomposed:
    """One matrix with its runs; an arm is (name, rank), full fine-tuning has rank None.

    Attributes:
        ranks: of the study, ascending
        updates: arm, then seed: the update's SVD; LoRA's only if the matrix is a target
        deltas: the same, dense (out, in), fp32
    """

    matrix: Matrix
    ranks: tuple[int, ...]
    updates: dict[Arm, dict[int, SVD]]
    deltas: dict[Arm, dict[int, Tensor]]

    @cached_property
    def W0(self) -> Tensor:
        """The pretrained weight, fp64."""
        return self.matrix.W0.double()

    @cached_property
    def own(self) -> SVD:
        """The SVD of the pretrained weight."""
        return full_svd(self.matrix.W0)

    def features(self, side: str) -> int:
        """How many dimensions a side has."""
        return int(self.matrix.W0.shape[1 if side == "input" else 0])

    def sizes(self, limit: int) -> list[int]:
        """The study's ranks up to a limit: how many directions are looked at."""
        return [rank for rank in self.ranks if rank <= limit]

    def bases(self, arm: Arm, side: str) -> dict[int, Tensor]:
        """An arm's directions on one side by seed, (features, n); none if the update is zero."""
        found = {seed: svd for seed, svd in self.updates[arm].items() if float(svd.S[0]) > 0}
        return {seed: svd.Vh.T if side == "input" else svd.U for seed, svd in found.items()}


def decompose(matrix: Matrix, updates: Updates) -> Decomposed:
    """Take the SVD of every run's update of one matrix."""
    name, W0 = matrix.module, matrix.W0
    svds: dict[Arm, dict[int, SVD]] = {}
    deltas: dict[Arm, dict[int, Tensor]] = {}
    deltas[FULL, None] = {seed: full[name] for seed, full in updates.full.items()}
    svds[FULL, None] = {seed: full_svd(delta) for seed, delta in deltas[FULL, None].items()}
    for rank, adapters in updates.lora.items() if matrix.target else ():
        svds[LORA, rank] = {seed: lora_svd(a, name, W0) for seed, a in adapters.items()}
        deltas[LORA, rank] = {seed: a.delta(name, W0) for seed, a in adapters.items()}
    return Decomposed(matrix, tuple(updates.lora), svds, deltas)
