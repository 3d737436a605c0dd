"""`metrics/theory_bound.json`: what can be reached at every rank, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from study.settings.theory import TheorySettings
from study.theory.bounds import (
    least_squares_risk,
    population_bound,
    population_risk,
    reduced_rank_risk,
    sample_bound,
    sample_optima,
    singular_values,
    train_loss,
    truncation,
)
from study.theory.problem import Array, Sample
from study.theory.setup import Problem, fingerprint, problem_settings, problems


def bound_record(theory: TheorySettings) -> dict[str, Any]:
    """Compute the file's content; its schema stands in `stages/theory_bound.py`."""
    return {
        "settings": problem_settings(theory),
        "ranks": list(range(min(theory.out_features, theory.in_features) + 1)),
        "seeds": list(theory.seeds),
        "inputs": {problem.inputs.name: _inputs_record(problem) for problem in problems(theory)},
    }


def _inputs_record(problem: Problem) -> dict[str, Any]:
    """Compare, for one kind of input, the bounds, plain truncation, and the fit to each sample."""
    samples = [_sample_record(problem, sample) for sample in problem.samples]
    formula = reduced_rank_risk(problem.teacher, problem.inputs, len(problem.samples[0].x))
    measured = np.mean([record["optimum_risk"] for record in samples], axis=0)
    return {
        "condition_number": problem.inputs.condition_number,
        "singular_values": _floats(singular_values(problem.teacher, problem.inputs)),
        "population": _population_record(problem),
        "reduced_rank_regression": {
            "formula": _floats(formula),
            "measured": _floats(measured),
            "best_rank_formula": int(np.argmin(formula)),
            "best_rank_measured": int(np.argmin(measured)),
        },
        "least_squares": {
            "formula": least_squares_risk(problem.teacher, len(problem.samples[0].x)),
            "measured": float(measured[-1]),
        },
        "samples": samples,
    }


def _population_record(problem: Problem) -> dict[str, Any]:
    """Return the population's bound, and how far above it plain truncation of Delta stays."""
    teacher, inputs = problem.teacher, problem.inputs
    bound = population_bound(teacher, inputs)
    truncated = np.array(
        [population_risk(update, teacher, inputs) for update in _truncations(teacher.delta)]
    )
    # Where the bound is the noise floor itself, nothing is left to compare but rounding.
    reachable = bound - teacher.floor > 1e-12 * bound[0]
    over = [
        float((plain - teacher.floor) / (best - teacher.floor)) if some else None
        for plain, best, some in zip(truncated, bound, reachable, strict=True)
    ]
    return {
        "floor": teacher.floor,
        "bound": _floats(bound),
        "truncation": _floats(truncated),
        "truncation_over_bound": over,
    }


def _sample_record(problem: Problem, sample: Sample) -> dict[str, Any]:
    """Return one sample's exact bound, plain truncation's loss on it, and the optimum's risk."""
    risks = [
        population_risk(update, problem.teacher, problem.inputs) for update in sample_optima(sample)
    ]
    plain = [train_loss(update, sample) for update in _truncations(problem.teacher.delta)]
    return {
        "seed": sample.seed,
        "fingerprint": fingerprint(sample),
        "bound": _floats(sample_bound(sample)),
        "truncation": plain,
        "optimum_risk": risks,
    }


def _truncations(delta: Array) -> list[Array]:
    """Return delta's plain truncation by rank."""
    return [truncation(delta, rank) for rank in range(min(delta.shape) + 1)]


def _floats(values: Iterable[Any]) -> list[float]:
    return [float(value) for value in values]
