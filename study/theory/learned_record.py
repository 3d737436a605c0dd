"""`metrics/theory.json`: what training reaches, against what `metrics/theory_bound.json` allows.

Tables are lists [rank][seed], in the order of the settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from study.entry.errors import StudyError
from study.settings.theory import TheorySettings
from study.theory.bounds import population_risk, sample_optima
from study.theory.learned import Learned, learn
from study.theory.problem import ISOTROPIC, Array
from study.theory.scalings import SCALES, ScalingRun, Trajectory, curve_steps, train
from study.theory.setup import Problem, fingerprint, problem_settings, problems

# Another machine's linear algebra draws the same sample only up to rounding.
_SAME = 1e-9

# One sample's smallest train loss by rank, for every seed.
Bounds = Sequence[Sequence[float]]


def learned_record(theory: TheorySettings, bounds: Mapping[str, Bounds]) -> dict[str, Any]:
    """Train, and set against the bounds; the file's schema stands in `stages/theory.py`.

    Args:
        bounds: by kind of input, from `read_bounds`.

    Raises:
        StudyError: a scaling diverged at its learning rate.
    """
    kinds = {problem.inputs.name: problem for problem in problems(theory)}
    rates = {"sgd": theory.sgd_learning_rate, "adam": theory.adam_learning_rate}
    training = {"alpha": theory.alpha, "steps": theory.steps, "learning_rates": rates}
    return {
        "settings": problem_settings(theory) | training,
        "ranks": list(theory.ranks),
        "seeds": list(theory.seeds),
        "learned": {
            name: _learned(problem, theory.ranks, bounds[name]) for name, problem in kinds.items()
        },
        "scalings": {
            # Where the inputs favour no direction, only the scaling slows one rank down.
            "input": ISOTROPIC,
            "steps": curve_steps(theory.steps),
            "optimizers": {
                optimizer: _scalings(kinds[ISOTROPIC], theory, optimizer, rate, bounds[ISOTROPIC])
                for optimizer, rate in rates.items()
            },
        },
    }


def read_bounds(record: Any, theory: TheorySettings, origin: str) -> dict[str, Bounds]:
    """Return the sample bounds in theory_bound's record, once it is sure whose they are.

    Raises:
        StudyError: the record is of other settings or samples, or is no such record.
    """
    stale = f"{origin}: of other settings or samples; `dvc repro theory_bound` writes it anew"
    bounds: dict[str, Bounds] = {}
    try:
        if record["settings"] != problem_settings(theory):
            raise StudyError(stale)
        for problem in problems(theory):
            rows = record["inputs"][problem.inputs.name]["samples"]
            for sample, row in zip(problem.samples, rows, strict=True):
                for key, value in fingerprint(sample).items():
                    if not math.isclose(row["fingerprint"][key], value, rel_tol=_SAME):
                        raise StudyError(stale)
            bounds[problem.inputs.name] = [row["bound"] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{origin}: not a record of theory's bounds ({error!r})") from error
    return bounds


def _table(
    ranks: Sequence[int], problem: Problem, value: Callable[[int, int], Any]
) -> list[list[Any]]:
    """Return value(rank, index of the sample) for all of them."""
    return [[value(rank, i) for i in range(len(problem.samples))] for rank in ranks]


def _learned(problem: Problem, ranks: Sequence[int], bounds: Bounds) -> dict[str, Any]:
    """Train one adapter for every rank and sample, each to convergence."""
    cells = [(rank, i) for rank in ranks for i in range(len(problem.samples))]
    bar = tqdm(cells, desc=f"theory, {problem.inputs.name} inputs", unit="run", disable=None)
    results: dict[tuple[int, int], Learned] = {
        (rank, i): learn(problem.teacher, problem.samples[i], rank) for rank, i in bar
    }
    optima = [sample_optima(sample) for sample in problem.samples]

    def table(value: Callable[[int, int], Any]) -> list[list[Any]]:
        return _table(ranks, problem, value)

    ratio = table(lambda rank, i: results[rank, i].train_loss / bounds[i][rank])
    return {
        "bound": table(lambda rank, i: bounds[i][rank]),
        "train_loss": table(lambda rank, i: results[rank, i].train_loss),
        "ratio": ratio,
        "worst_ratio": max(map(max, ratio)),
        "population_risk": table(lambda rank, i: _risk(problem, results[rank, i].update)),
        "distance": table(lambda rank, i: _distance(results[rank, i].update, optima[i][rank])),
        "iterations": table(lambda rank, i: results[rank, i].iterations),
    }


def _scalings(
    problem: Problem, theory: TheorySettings, optimizer: str, rate: float, bounds: Bounds
) -> dict[str, Any]:
    """Train every scaling, rank and sample side by side, with one optimiser and learning rate."""
    cells = [
        (name, rank, i)
        for name in SCALES
        for rank in theory.ranks
        for i in range(len(problem.samples))
    ]
    runs = [ScalingRun(name, rank, problem.samples[i]) for name, rank, i in cells]
    paths = train(
        problem.teacher,
        runs,
        alpha=theory.alpha,
        optimizer=optimizer,
        learning_rate=rate,
        steps=theory.steps,
    )
    results = dict(zip(cells, paths, strict=True))
    scalings = {}
    for name in SCALES:
        own = {(rank, i): path for (of, rank, i), path in results.items() if of == name}
        scale = [SCALES[name](theory.alpha, rank) for rank in theory.ranks]
        scalings[name] = {"scale": scale} | _scaling(problem, theory.ranks, own, bounds)
    return {"learning_rate": rate, "scalings": scalings}


def _scaling(
    problem: Problem,
    ranks: Sequence[int],
    paths: Mapping[tuple[int, int], Trajectory],
    bounds: Bounds,
) -> dict[str, Any]:
    """Return what one scaling reached by rank and seed, and its curves' means over seeds."""

    def table(value: Callable[[int, int], Any]) -> list[list[Any]]:
        return _table(ranks, problem, value)

    def unreached(rank: int, i: int) -> float:
        bound = bounds[i][rank]
        return (paths[rank, i].loss[-1] - bound) / (bounds[i][0] - bound)

    def mean(curve: str) -> list[list[float]]:
        rows = table(lambda rank, i: getattr(paths[rank, i], curve))
        return [list(map(float, np.mean(row, axis=0))) for row in rows]

    return {
        "train_loss": table(lambda rank, i: paths[rank, i].loss[-1]),
        "ratio": table(lambda rank, i: paths[rank, i].loss[-1] / bounds[i][rank]),
        "unreached": table(unreached),
        "population_risk": table(lambda rank, i: _risk(problem, paths[rank, i].update)),
        "update_norm": table(lambda rank, i: paths[rank, i].update_norm[-1]),
        "gradient_norm_start": table(lambda rank, i: paths[rank, i].gradient_norm[0]),
        "gradient_norm_end": table(lambda rank, i: paths[rank, i].gradient_norm[-1]),
        "curves": {
            "loss": mean("loss"),
            "update_norm": mean("update_norm"),
            "gradient_norm": mean("gradient_norm"),
        },
    }


def _risk(problem: Problem, update: Array) -> float:
    return population_risk(update, problem.teacher, problem.inputs)


def _distance(update: Array, optimum: Array) -> float:
    """Return |update - optimum|_F / |optimum|_F."""
    return float(np.linalg.norm(update - optimum) / np.linalg.norm(optimum))
