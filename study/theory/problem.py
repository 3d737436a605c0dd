"""The linear model that theory is about: a teacher, its inputs, and samples of both.

    y = W* x + e,    W* = W0 + Delta,    e ~ N(0, noise^2 I),    E[x x^T] = Sigma

    d  out_features    rows of W0, W*, Delta
    k  in_features     columns of them
    n  samples         rows of x (n, k) and y (n, d)
    p  min(d, k)       the largest rank an update can have

One teacher serves every seed and both kinds of input, so that they differ in the sample alone.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]  # float64, as everything here

ISOTROPIC = "isotropic"
ANISOTROPIC = "anisotropic"

# The first word of every random stream's key: what is drawn from it.
_TEACHER, _INPUTS, _SAMPLE = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Teacher:
    """The frozen base W0 (d, k), the difference Delta (d, k), and the noise's deviation."""

    base: Array
    delta: Array
    noise: float

    @property
    def floor(self) -> float:
        """Return d noise^2, the risk of the teacher itself, summed over outputs."""
        return float(self.delta.shape[0] * self.noise**2)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """A distribution N(0, Sigma) of inputs; `root` is the symmetric Sigma^1/2 (k, k)."""

    name: str
    condition_number: float
    root: Array


@dataclasses.dataclass(frozen=True)
class Sample:
    """What one data seed drew: x (n, k), y (n, d), and what W0 leaves unexplained of y."""

    seed: int
    x: Array
    y: Array
    residual: Array


def draw_teacher(
    *, out_features: int, in_features: int, true_rank: int | None, decay: float, noise: float
) -> Teacher:
    """Draw W0 with entries N(0, 1/k) and Delta = U diag(decay^0, decay^1, ...) V^T.

    Args:
        true_rank: of Delta; None for min(d, k).
        decay: ratio of each singular value of Delta to the one before.
        noise: standard deviation of every output's noise.
    """
    rng = np.random.default_rng([_TEACHER])
    rank = min(out_features, in_features) if true_rank is None else true_rank
    base = rng.standard_normal((out_features, in_features)) / np.sqrt(in_features)
    left = _orthonormal(rng, out_features)[:, :rank]
    right = _orthonormal(rng, in_features)[:, :rank]
    return Teacher(base, (left * decay ** np.arange(rank)) @ right.T, noise)


def isotropic(in_features: int) -> Inputs:
    """Return N(0, I)."""
    return Inputs(ISOTROPIC, 1.0, np.eye(in_features))


def anisotropic(in_features: int, condition_number: float) -> Inputs:
    """Return N(0, Sigma), Sigma's eigenvalues geometric, of mean 1, along random directions.

    Args:
        condition_number: the largest eigenvalue of Sigma over the smallest.
    """
    values = np.geomspace(condition_number, 1.0, in_features)
    values /= values.mean()
    basis = _orthonormal(np.random.default_rng([_INPUTS]), in_features)
    return Inputs(ANISOTROPIC, condition_number, (basis * np.sqrt(values)) @ basis.T)


def draw_sample(teacher: Teacher, inputs: Inputs, samples: int, seed: int) -> Sample:
    """Draw `samples` rows; one seed gives both kinds of input the same normal draws."""
    rng = np.random.default_rng([_SAMPLE, seed])
    out_features, in_features = teacher.delta.shape
    x = rng.standard_normal((samples, in_features)) @ inputs.root
    noise = teacher.noise * rng.standard_normal((samples, out_features))
    base = x @ teacher.base.T
    y = x @ (teacher.base + teacher.delta).T + noise
    return Sample(seed, x, y, y - base)


def _orthonormal(rng: np.random.Generator, size: int) -> Array:
    """Return a random orthogonal matrix (size, size)."""
    basis, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return basis
