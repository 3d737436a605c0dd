"""What stages that train nothing compute, timed once each: decompositions and the linear theory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from forecast.clock import now
from study.models.matrices import linear_modules, weight_of
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.settings.theory import TheorySettings
from study.settings.whole import Settings
from study.theory.bound_record import bound_record
from study.theory.learned_record import learned_record, read_bounds

STEPS = 30  # of the theory's scalings, at one rank of one seed


def measure_kernels(settings: Settings, data: Prepared) -> dict[str, float]:
    """Return seconds, without waiting for other work, by name.

    Returns:
        svd: of every matrix of the encoder's linear layers, once, fp32, by one of each shape;
        eigh: of the second moments of their inputs; theory_bound, of one seed; theory: of one
        rank and seed.
    """
    return {**_decompositions(settings, data), **_theory(settings.theory)}


def _decompositions(settings: Settings, data: Prepared) -> dict[str, float]:
    """Time one of each shape, times how often there is one."""
    model = load_for(data, settings.model.name, torch.float32, device=torch.device("cpu"))
    shapes: dict[tuple[int, int], int] = {}
    for module in linear_modules(model).values():
        rows, columns = weight_of(module).shape
        shapes[rows, columns] = shapes.get((rows, columns), 0) + 1
    svd = eigh = 0.0
    for (rows, columns), count in shapes.items():
        matrix = torch.randn(rows, columns)
        svd += count * _seconds(partial(torch.linalg.svd, matrix, full_matrices=False))
        moments = matrix.T @ matrix
        eigh += count * _seconds(partial(torch.linalg.eigh, moments))
    return {"svd": svd, "eigh": eigh}


def _theory(theory: TheorySettings) -> dict[str, float]:
    """Time the least of each: one seed, one rank, few steps."""
    steps = min(STEPS, theory.steps)
    one = replace(theory, seeds=theory.seeds[:1], ranks=theory.ranks[:1], steps=steps)
    bound: dict[str, Any] = {}

    def make() -> None:
        bound["record"] = bound_record(one)

    bounds = _seconds(make)
    read = read_bounds(bound["record"], one, "theory_bound")
    learned = _seconds(lambda: learned_record(one, read))
    return {"theory_bound": bounds, "theory": learned}


def _seconds(compute: Callable[[], Any]) -> float:
    begun = now()
    compute()
    return (now() - begun).alone
