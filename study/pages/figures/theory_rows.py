"""The rows behind the theory figures, as `study.analyses.results.curves` has them for the arms.

They are read from `metrics/theory_bound.json` and `metrics/theory.json`, whose schemas stand in the
stages that write them. `value` is the mean over seeds, `low` and `high` the lowest and highest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]

TRAIN, POPULATION = "training loss", "population risk"
BOUND, TRUNCATION, LEARNED = "exact bound", "plain truncation of the SVD", "learned B A"
FITTED, FORMULA = "best fit to the sample", "best fit to the sample, formula"

UNREACHED = "share of the way to the bound that is left"
UPDATE, GRADIENT = "norm of the update", "gradient norm at the first step"
_QUANTITIES = {UNREACHED: "unreached", UPDATE: "update_norm", GRADIENT: "gradient_norm_start"}


def bound_rows(bound: Mapping[str, Any], learned: Mapping[str, Any]) -> list[Row]:
    """Return, by kind of input, what rank r can reach, and what was learned.

    `quantity` is the loss on the sample or the risk in population; `series` tells the bound of each
    from what plain truncation of the SVD gives, from the best rank-r fit to the sample (in
    population: the U curve, as measured and by its formula), and from what training B A reached.
    """
    rows = []
    for inputs, found in bound["inputs"].items():
        population, fit = found["population"], found["reduced_rank_regression"]
        samples, reached = found["samples"], learned["learned"][inputs]
        table = {
            (TRAIN, BOUND): _by_rank(sample["bound"] for sample in samples),
            (TRAIN, TRUNCATION): _by_rank(sample["truncation"] for sample in samples),
            (POPULATION, BOUND): _by_rank([population["bound"]]),
            (POPULATION, TRUNCATION): _by_rank([population["truncation"]]),
            (POPULATION, FITTED): _by_rank(sample["optimum_risk"] for sample in samples),
            (POPULATION, FORMULA): _by_rank([fit["formula"]]),
        }
        trained = {
            (TRAIN, LEARNED): reached["train_loss"],
            (POPULATION, LEARNED): reached["population_risk"],
        }
        ranks = [(bound["ranks"], table), (learned["ranks"], trained)]
        for of_ranks, series_values in ranks:
            for (quantity, series), values in series_values.items():
                named = {"input": inputs, "quantity": quantity, "series": series}
                rows += [
                    named | {"rank": rank} | _over_seeds(seeds)
                    for rank, seeds in zip(of_ranks, values, strict=True)
                ]
    return rows


def scaling_rows(learned: Mapping[str, Any]) -> list[Row]:
    """Return, by optimiser, scaling of alpha and rank, how far training came, and its norms.

    `UNREACHED` is (loss - bound) / (loss before training - bound): 1 where nothing was learned, 0
    where the bound of that rank was reached.
    """
    rows = []
    for optimizer, run in learned["scalings"]["optimizers"].items():
        for scaling, found in run["scalings"].items():
            for quantity, key in _QUANTITIES.items():
                named = {"optimizer": optimizer, "scaling": scaling, "quantity": quantity}
                rows += [
                    named | {"rank": rank} | _over_seeds(seeds)
                    for rank, seeds in zip(learned["ranks"], found[key], strict=True)
                ]
    return rows


def _by_rank(by_seed: Iterable[Sequence[float]]) -> list[tuple[float, ...]]:
    """Turn [seed][rank] into [rank][seed]."""
    return list(zip(*by_seed, strict=True))


def _over_seeds(values: Sequence[float]) -> dict[str, float]:
    return {"value": sum(values) / len(values), "low": min(values), "high": max(values)}
