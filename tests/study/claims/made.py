"""A made-up study, small and exact: each case changes only what its claim is about."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.results.sweep import Sweep
from study.claims.evidence import Study
from study.probes.record import KindRecord, LinearProbe
from study.records.runs import ArmRecord, Evaluation, RunRecord

SENTENCES = 2000
LABELS = (0, 1) * (SENTENCES // 2)
SEEDS = (0, 1, 2)
PER_RANK = 1000
HEAD = 100
TOTAL = 1_000_000
EPOCHS = 4
LOSS_STEPS = (10, 20, 30, 40)
FALLING = (0.7, 0.5, 0.4, 0.3)

# Seeds that differ so much that three of them tell nothing about a few points.
SCATTERED = (0.74, 0.80, 0.86)

BySeed = float | Sequence[float]


def arm(
    name: str,
    rank: int | None = None,
    accuracy: BySeed = 0.8,
    *,
    seeds: Sequence[int] = SEEDS,
    losses: Sequence[Sequence[float]] | Sequence[float] = FALLING,
    validation: Sequence[Sequence[float]] | Sequence[float] | None = None,
    rates: Mapping[float, BySeed] | None = None,
    **sizes: int,
) -> ArmRecord:
    """Return an arm.

    Args:
        accuracy: on test, of every seed or of all; the first sentences are those it gets right.
        losses: of training at `LOSS_STEPS`, of every seed or of all.
        validation: accuracy by epoch, of every seed or of all.
        rates: validation accuracy by learning rate; the first is picked.
    """
    head, adapter = HEAD, PER_RANK * (rank or 0)
    given = {
        "trainable_parameters": TOTAL if name == "full" else head + adapter,
        "head_parameters": head,
        "adapter_parameters": adapter,
        "total_parameters": TOTAL,
    } | sizes
    rates = rates or {0.001: 0.8}
    runs = [
        run(
            seed,
            rate,
            of_seed(accuracy, place),
            of_seed(on_validation, place),
            row_of_seed(losses, place),
            None if validation is None else row_of_seed(validation, place),
        )
        for rate, on_validation in rates.items()
        for place, seed in enumerate(seeds)
    ]
    return ArmRecord(
        arm=name,
        rank=rank,
        learning_rates=tuple(rates),
        learning_rate=next(iter(rates)),
        label_names=("bad", "good"),
        test_labels=LABELS,
        runs=tuple(runs),
        **given,
    )


def probe(accuracy: float, validation: float = 0.9, **sizes: int) -> LinearProbe:
    """Return a linear probe of this test accuracy; arms have 0.8 on validation, so it is picked."""
    right = round(accuracy * SENTENCES)
    predictions = (*LABELS[:right], *(1 - label for label in LABELS[right:]))
    return LinearProbe(
        state="mean",
        c=0.01,
        validation_score=validation,
        test_score=right / SENTENCES,
        states=(KindRecord("mean", 0.01, validation),),
        left_out={},
        label_names=("bad", "good"),
        test_labels=LABELS,
        validation_predictions=(0, 1),
        test_predictions=predictions,
        **{"trainable_parameters": HEAD // 2, "total_parameters": TOTAL} | sizes,
    )


def run(
    seed: int,
    rate: float,
    accuracy: float,
    on_validation: float,
    losses: Sequence[float],
    by_epoch: Sequence[float] | None,
) -> RunRecord:
    right = round(accuracy * SENTENCES)
    predictions = [*LABELS[:right], *(1 - label for label in LABELS[right:])]
    curve = by_epoch or [on_validation] * EPOCHS
    return RunRecord(
        seed=seed,
        learning_rate=rate,
        best_epoch=len(curve),
        validation_score=max(curve),
        test_score=right / SENTENCES,
        test_predictions=tuple(predictions),
        loss_steps=LOSS_STEPS[: len(losses)],
        loss_values=tuple(losses),
        validation=tuple(
            Evaluation(epoch, 10 * epoch, value, 0.5) for epoch, value in enumerate(curve, 1)
        ),
    )


def of_seed(value: BySeed, place: int) -> float:
    return value if isinstance(value, float | int) else value[place]


def row_of_seed(rows: Any, place: int) -> Sequence[float]:
    return rows if isinstance(rows[0], float) else rows[place]


def study(
    lora: Mapping[int, BySeed | ArmRecord] | None = None,
    *,
    head: BySeed | ArmRecord = 0.6,
    full: BySeed | ArmRecord = 0.85,
    probed: LinearProbe | None = None,
    seeds: Sequence[int] = SEEDS,
    scaling: str = "proportional",
    margins: Sequence[float] = (0.5, 1.0, 2.0),
    **records: Any,
) -> Study:
    """Return a study; arms are given by their test accuracy or whole.

    Args:
        probed: the linear probe; without it, one that is bad on validation, and not picked.
    """

    def made(name: str, rank: int | None, given: BySeed | ArmRecord) -> ArmRecord:
        whole = isinstance(given, ArmRecord)
        return given if whole else arm(name, rank, given, seeds=seeds)

    sweep = {1: 0.78, 8: 0.82, 64: 0.82} if lora is None else lora
    by_rank = {rank: made("lora", rank, sweep[rank]) for rank in sorted(sweep)}
    return Study(
        confidence=0.95,
        margins=tuple(margins),
        power=0.8,
        scaling=scaling,
        seeds_per_block=3,
        results=Sweep(
            head_only=made("head_only", None, head),
            full=made("full", None, full),
            lora=by_rank,
        ),
        linear_probe=probed or probe(0.5, validation=0.0),
        **{
            "theory_bound": THEORY_BOUND,
            "theory": THEORY,
            "sufficient_rank": {},
            "agreement": {},
            "capacity": CAPACITY,
            "spectra": {},
            "learning_rate": {},
            "cost": {},
        }
        | records,
    )


def changed(record: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a record with another value under a dotted path."""
    copied = copy.deepcopy(dict(record))
    *parents, last = path.split(".")
    place = copied
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return copied


CAPACITY = {
    "modules": ["layer.0.query", "layer.0.value", "layer.0.dense"],
    "target_modules": ["layer.0.query", "layer.0.value"],
}

# --- The theory stages: ranks 1, 2 and 4, three seeds -------------------------------------------


def table(*rows: float) -> list[list[float]]:
    """Return a table [rank][seed] of three seeds that hardly differ."""
    return [[value - 0.001, value, value + 0.001] for value in rows]


def _scaling(unreached: list[list[float]], norms: list[list[float]], first: list[float]) -> Any:
    return {
        "unreached": unreached,
        "update_norm": norms,
        "population_risk": table(5.0, 4.0, 3.0),
        "curves": {"loss": [[9.0, 8.0]] * 3, "update_norm": [[0.0, norm] for norm in first]},
    }


def _optimizer() -> Any:
    return {
        "scalings": {
            "fixed": _scaling(table(0.1, 0.3, 0.6), table(1.0, 0.7, 0.4), [1.0, 0.5, 0.2501]),
            "proportional": _scaling(table(0.0, 0.0, 0.0), table(1.0, 1.2, 1.4), [1.0, 2.0, 4.001]),
        }
    }


THEORY: dict[str, Any] = {
    "ranks": [1, 2, 4],
    "learned": {
        kind: {
            "ratio": [[1.0, 1.001, 1.0]] * 3,
            "train_loss": table(5.0, 4.0, 3.0),
            "population_risk": table(6.0, 5.0, 4.0),
        }
        for kind in ("isotropic", "anisotropic")
    },
    "scalings": {"optimizers": {"sgd": _optimizer(), "adam": _optimizer()}},
}
THEORY_BOUND: dict[str, Any] = {
    "settings": {"condition_number": 100.0},
    "inputs": {
        kind: {
            "singular_values": [2.0, 1.0],
            "population": {
                "floor": 1.0,
                "bound": [6.0, 2.0, 1.0],
                "truncation": [6.0, 2.0, 1.0],
                "truncation_over_bound": [1.0, 1.0, None],
            },
            "samples": [{"bound": [8.0, 3.0]}, {"bound": [10.0, 4.0]}],
        }
        for kind in ("isotropic", "anisotropic")
    },
}
