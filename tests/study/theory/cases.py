"""Small linear problems that the theory's tests share."""

from __future__ import annotations

import numpy as np

from study.theory.problem import (
    Array,
    Inputs,
    Sample,
    Teacher,
    anisotropic,
    draw_sample,
    draw_teacher,
    isotropic,
)


def teacher(rows: int = 6, columns: int = 9, true_rank: int | None = None) -> Teacher:
    return draw_teacher(
        out_features=rows, in_features=columns, true_rank=true_rank, decay=0.8, noise=0.3
    )


def inputs(columns: int = 9, condition_number: float = 30.0) -> Inputs:
    """Anisotropic, unless the condition number is 1."""
    if condition_number == 1:
        return isotropic(columns)
    return anisotropic(columns, condition_number)


def sample(samples: int = 40, seed: int = 0, condition_number: float = 30.0) -> Sample:
    """Draw from the default teacher and inputs."""
    return draw_sample(teacher(), inputs(condition_number=condition_number), samples, seed)


def low_rank(rng: np.random.Generator, shape: tuple[int, ...], rank: int) -> Array:
    return rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
