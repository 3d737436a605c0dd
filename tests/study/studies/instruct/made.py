"""Made-up records of a rank comparison, whose differences are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from study.records.arm_names import FULL
from study.records.runs import Evaluation
from study.studies.instruct.answers.compare import Arm
from study.studies.instruct.answers.results import compare
from study.studies.instruct.settings import whole
from study.studies.instruct.training.records import BaseRecord, PairRun, TunedRecord
from tests.study.studies.instruct.toys import ROOT

NOTHING: dict[str, Any] = {"metric": None, "seed": 0, "wanted": [], "arms": []}
DATA: dict[str, Any] = {
    "model": "m",
    "source": {"name": "s", "form": "alpaca", "rows": 24, "dropped": {"duplicate": 0}},
    "system": None,
    "max_length": 96,
    "splits": {
        "train": {"pairs": 8, "responses_cut": 0},
        "validation": {"pairs": 8, "responses_cut": 0},
        "test": {"pairs": 8, "responses_cut": 0},
    },
}


def records(
    losses: Mapping[int, float],
    noise: float = 0.0,
    pairs: int = 300,
    seeds: Sequence[int] = (0,),
    full: float = 3.0,
    **of_full: Any,
) -> tuple[BaseRecord, dict[Arm, TunedRecord]]:
    """Make arms whose loss per token is as given, with noise of single pairs per token.

    Validation pairs are the held-out ones; `of_full` are fields of full fine-tuning's record.
    """
    draw = np.random.default_rng(0)
    tokens = draw.integers(1, 30, pairs)
    hard = draw.gamma(4, 0.1, pairs)
    hard -= (hard * tokens).sum() / tokens.sum()

    def of(loss: float, spread: float) -> tuple[float, ...]:
        per_token = loss + hard + draw.normal(0, spread, pairs) if spread else loss + hard
        return tuple((per_token * tokens).tolist())

    def mean(values: tuple[float, ...]) -> float:
        return float(sum(values) / tokens.sum())

    before = of(5.0, 0.0)
    responses = tuple(tokens.tolist())
    base = BaseRecord(mean(before), 0.2, before, responses, 5.0, responses)
    made: dict[Arm, TunedRecord] = {}
    for arm, loss in [*losses.items(), (FULL, full)]:
        runs = []
        for seed in seeds:
            values = of(loss, noise)
            curve = (tuple(range(2, 22, 2)), tuple(3.0 + 1 / i for i in range(1, 11)))
            points = (Evaluation(1, 10, 0.4, 3.0), Evaluation(2, 20, 0.4, 3.01))
            scores = (3.0, values, mean(values), 0.5, values)
            runs.append(PairRun(seed, 0.01, 1, *scores, *curve, points))
        rank = None if isinstance(arm, str) else arm
        trained, operations = (100 * (rank or 100)), 1_000_000 + 1000 * (rank or 1000)
        made[arm] = TunedRecord(
            *(rank, (0.01,), 0.01, (), trained, 10_000, 20, operations, tuple(runs))
        )
    made[FULL] = replace(made[FULL], **of_full)
    return base, made


def record(
    losses: Mapping[int, float],
    reference: int | None = None,
    data: Mapping[str, Any] = DATA,
    written: Mapping[str, Any] = NOTHING,
    **made: Any,
) -> dict[str, Any]:
    """Make the record of a comparison, all_results.json."""
    chosen = whole.load(ROOT / "instruct/params.yaml")
    ranks = tuple(losses)
    lora = replace(chosen.lora, ranks=ranks, rank=reference or max(ranks))
    chosen = replace(chosen, lora=lora, seeds=tuple(made.get("seeds", (0,))))
    return compare(chosen, *records(losses, **made), data, written)
