"""Made-up runs of a toy model on disk: tuned models and adapters whose updates are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lora import peft_format
from lora.adapter import Adapter
from lora.config import LoRAConfig
from study.analyses.spectra.gradient import initial_gradients
from study.analyses.spectra.record import spectra_record
from study.analyses.spectra.updates import read_updates
from study.models.matrices import linear_modules, weight_of
from study.settings.spectra import SpectraSettings
from tests.lora.models import FAMILIES
from tests.study.toys import load, prepared, saved

SETTINGS = SpectraSettings(
    energy=0.9, intruder_cosine=0.5, gradient_sentences=8, shuffled_labels=True
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Draw a standard normal tensor, fp64."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def orthonormal(d: int, k: int, seed: int = 0) -> Tensor:
    """Draw a random basis (d, k)."""
    return torch.linalg.qr(normal(d, k, seed=seed)).Q


def write_runs(
    root: Path,
    ranks: Sequence[int],
    seeds: Sequence[int],
    family: str = "bert",
    full: Callable[[tuple[int, ...], int], Tensor] | None = None,
    lora: float = 0.3,
) -> None:
    """Write root/full/s{seed}/ and root/adapters/r{rank}/s{seed}/.

    Args:
        full: shape and seed to the update of every matrix; by default random ones
        lora: size of B, 0 for no update at all
    """
    targets = FAMILIES[family].targets
    for seed in seeds:
        model = load(saved(family))
        for place, module in enumerate(linear_modules(model).values()):
            W = weight_of(module)
            shape = tuple(W.shape)
            update = full(shape, seed) if full else 0.1 * normal(*shape, seed=100 * seed + place)
            W += update.float()
        model.save_pretrained(root / f"full/s{seed}")
    shapes = {n: weight_of(m).shape for n, m in linear_modules(load(saved(family))).items()}
    for rank in ranks:
        config = LoRAConfig(rank, 2.0 * rank, targets, base_model_name="toy")
        for seed in seeds:
            factors = {
                name: (
                    normal(rank, shapes[name][1], seed=1000 * rank + seed).float(),
                    lora * normal(shapes[name][0], rank, seed=2000 * rank + seed).float(),
                )
                for name in FAMILIES[family].adapted
            }
            peft_format.save(Adapter(config, factors), root / f"adapters/r{rank}/s{seed}")


def record_of(
    root: Path,
    ranks: list[int],
    seeds: list[int],
    family: str = "bert",
    shuffled: Callable[[tuple[int, ...], int], Tensor] | None = None,
    **made: Any,
) -> dict[str, Any]:
    """Write runs, measure them, and read the record as it stands in the file.

    Args:
        shuffled: shape and seed to the update of every matrix on shuffled labels.
    """
    write_runs(root, ranks, seeds, family, **made)
    model = load(saved(family))
    updates = read_updates(model, ranks, seeds, root / "full", root / "adapters")
    targets = [matrix.module for matrix in updates.matrices if matrix.target]
    data = prepared(train=8)
    gradients = {s: initial_gradients(model, targets, data, s, 8) for s in sorted(seeds)}
    controls = None
    if shuffled is not None:
        controls = {
            s: {m.module: shuffled(tuple(m.W0.shape), s) for m in updates.matrices} for s in seeds
        }
    record = spectra_record(updates, gradients, SETTINGS, controls)
    return json.loads(json.dumps(record, allow_nan=False))


def planted(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """3 and 1 along two directions; the first is every seed's, the second each seed's own."""
    one = torch.outer(orthonormal(shape[0], 1, seed=50)[:, 0], orthonormal(shape[1], 1)[:, 0])
    other = torch.outer(
        orthonormal(shape[0], 1, seed=seed + 60)[:, 0], orthonormal(shape[1], 1, seed=seed)[:, 0]
    )
    return 3 * one + other
