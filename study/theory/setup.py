"""What both theory stages start from: the settings' teacher, inputs and samples, drawn alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from study.settings.theory import TheorySettings
from study.theory.problem import (
    Inputs,
    Sample,
    Teacher,
    anisotropic,
    draw_sample,
    draw_teacher,
    isotropic,
)


@dataclasses.dataclass(frozen=True)
class Problem:
    """One kind of input to the teacher, and a sample of it for every seed."""

    teacher: Teacher
    inputs: Inputs
    samples: tuple[Sample, ...]


def problems(theory: TheorySettings) -> Iterator[Problem]:
    """Yield the isotropic problem, then the anisotropic one; the teacher is the same."""
    teacher = draw_teacher(
        out_features=theory.out_features,
        in_features=theory.in_features,
        true_rank=theory.true_rank,
        decay=theory.decay,
        noise=theory.noise,
    )
    for inputs in (
        isotropic(theory.in_features),
        anisotropic(theory.in_features, theory.condition_number),
    ):
        samples = [draw_sample(teacher, inputs, theory.samples, seed) for seed in theory.seeds]
        yield Problem(teacher, inputs, tuple(samples))


def problem_settings(theory: TheorySettings) -> dict[str, Any]:
    """Return the settings that `problems` reads: what a bound was computed for."""
    return {
        "out_features": theory.out_features,
        "in_features": theory.in_features,
        "true_rank": theory.true_rank,
        "decay": theory.decay,
        "condition_number": theory.condition_number,
        "samples": theory.samples,
        "noise": theory.noise,
        "seeds": list(theory.seeds),
    }


def fingerprint(sample: Sample) -> dict[str, float]:
    """Return a few sums over the sample, by which a bound is told from another sample's."""
    weights = np.arange(1.0, len(sample.x) + 1)
    return {
        "x": float(weights @ np.abs(sample.x).sum(axis=1)),
        "y": float(weights @ np.abs(sample.y).sum(axis=1)),
    }
