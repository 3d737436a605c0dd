"""What an adapter does to each weight: s B A, and what is more to it in PiSSA and DoRA.

PiSSA (Meng et al. 2024) trains factors that begin as the principal part of W0, which the base then
lacks. What was learned is s (B A - B_0 A_0), of twice the rank, and B_0 A_0 is read off the base.

DoRA (Liu et al. 2024) turns s B A into m (W0 + s B A) / |W0 + s B A| - W0, which depends on the
base. Without it all figures are those of s B A, and that is what a cut makes smaller; the
magnitudes m stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from audit.saved import Module, Saved
from audit.settings import PISSA
from lora import dora
from study.entry.errors import StudyError


class Base(Protocol):
    """Whatever has the base's weights: `audit.weights.Weights`, `audit.merged.Merged`."""

    def weight(self, module: Module) -> Tensor:
        """Return W0 (out, in) of a module, fp64."""


@dataclass(frozen=True)
class Updates:
    """An adapter's updates.

    Attributes:
        base: of its weights; None if they are not looked at.
    """

    saved: Saved
    base: Base | None = None

    def __post_init__(self) -> None:
        if self.from_pissa and self.base is None:
            raise StudyError(
                f"{self.saved.folder}: init_lora_weights 'pissa': what was learned is told by the "
                "base's weights alone; allowed: --base, which reads them"
            )

    @property
    def from_pissa(self) -> bool:
        """Whether the factors began as a part of W0, and still hold it."""
        return self.saved.config.get("init_lora_weights") == PISSA

    @cached_property
    def modules(self) -> Mapping[str, Module]:
        """The modules with the ranks of what was learned."""
        if not self.from_pissa:
            return self.saved.modules
        return {n: replace(m, rank=2 * m.rank) for n, m in self.saved.modules.items()}

    def factors(self) -> Iterator[tuple[Module, Tensor, Tensor]]:
        """Give every module with A (rank, in) and B (out, rank), fp64, of what was learned."""
        for module, A, B in self.saved.factors():
            if self.from_pissa:
                A_0, B_0 = principal(self._weight(module), module)
                A, B = torch.cat([A, A_0]), torch.cat([B, -B_0], dim=1)
            yield self.modules[module.name], A, B

    @cached_property
    def magnitudes(self) -> dict[str, Tensor]:
        """DoRA's m (out,), fp64, by module."""
        keyed = {m.magnitude: name for name, m in self.modules.items() if m.magnitude is not None}
        if not keyed:
            return {}
        tensors = self.saved.other_tensors()
        return {name: tensors[key].double().reshape(-1) for key, name in keyed.items()}

    def dense(self, module: Module, A: Tensor, B: Tensor, W0: Tensor) -> Tensor:
        """Return the update W' - W0 (out, in), fp64, for any factors of the module."""
        delta = module.scaling * (B @ A)
        if module.magnitude is None:
            return delta
        updated = W0 + delta
        norms = torch.linalg.vector_norm(updated, dim=1)
        return dora.row_factors(self.magnitudes[module.name], norms)[:, None] * updated - W0

    def _weight(self, module: Module) -> Tensor:
        assert self.base is not None
        return self.base.weight(module)


def principal(W0: Tensor, module: Module) -> tuple[Tensor, Tensor]:
    """Return what PEFT's PiSSA begins from: s B_0 A_0 = U_r S_r V_r^T of W0 (out, in)."""
    U, S, Vh = torch.linalg.svd(W0, full_matrices=False)
    root = (S[: module.rank] / module.scaling).sqrt()
    return root[:, None] * Vh[: module.rank], U[:, : module.rank] * root
