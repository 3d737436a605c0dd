"""`placement/metrics/placement.json`: placements at equal rank and at equal parameters.

answer             see `study.studies.placement.answers.answer`
main               where the main study's LoRA is
arms               a row an arm: name, label, rank, main (trained by the main study), parameters,
                   learning_rate and rates (each with its `validation` score over the seeds that
                   tried it), the score on test with low and high, by_seed, and to_full: the
                   difference to full fine-tuning with its verdicts (None: the main study has them)
full               full fine-tuning's score
left_out           placements without an arm, each with the reason; notes: what is to be known of
                   those that have one
equal_rank, equal_parameters
                   pairs: one, other, their parameters' ratio, the difference with low, high and
                   verdicts, and that of the probability of the right class
claims             source, claim, verdict, numbers (with why)
beside             of which study this is: full fine-tuning's seeds and their scores
seeds, test_sentences, confidence, margins, and metric, where it is not accuracy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.analyses.results.summary import score_of
from study.analyses.results.sweep import Sweep, measure_in, scores, seed_scores
from study.analyses.sufficiency.sharper import probabilities
from study.metrics.measure import ACCURACY
from study.records.arm_names import LORA
from study.records.logits import Logits
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.studies.placement.answers.answer import answer_of
from study.studies.placement.answers.arms import (
    Arm,
    Arms,
    at_equal_parameters,
    at_equal_rank,
    by_placement,
)
from study.studies.placement.answers.claims import Case, claims
from study.studies.placement.answers.compare import pair_rows, to_full
from study.studies.placement.cells import LABELS, Cell
from study.words.phrases import listed
from study.words.scores import shown

Read = Mapping[tuple[str, int], Logits]
"""Logits by placement and rank; the main study's by "lora"."""


def placement_record(
    sweep: Sweep,
    cells: Sequence[Cell],
    logits: Read,
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the record.

    Args:
        sweep: the main study's first block of seeds; cells: of the same seeds and sentences.
        logits: of every arm; none where a number is learned, which has no probability.
    """
    main = dict(cells[0].main) | {"label": _label(cells[0].main)}
    arms = _arms(sweep, cells, logits, main)
    every = [arm for own in arms.values() for arm in own]
    missing = {
        cell.name: str(cell.reason)
        for cell in cells
        if cell.record is None and cell.name not in arms
    }
    full, measure = sweep.full, measure_in(sweep.full)
    from_full = to_full(every, Arm("full", "", 0, False, full).merits, statistics)
    first = next(iter(arms))  # the main study's
    others = [own for name, own in arms.items() if name != first]
    equal_rank = [pair for own in others for pair in at_equal_rank(own, arms[first])]
    equal = [pair for own in others for pair in at_equal_parameters(own, arms[first])]
    return ({} if measure.name == ACCURACY else {"metric": measure.name}) | {
        "answer": answer_of(arms, full, statistics),
        "main": main,
        "full": score_of(scores(full), measure, statistics.confidence),
        "arms": [
            _row(arm, statistics) | {"to_full": gap}
            for arm, gap in zip(every, from_full, strict=True)
        ],
        "left_out": [
            {"name": name, "label": LABELS[name], "reason": reason}
            for name, reason in missing.items()
        ],
        "notes": _notes(cells, main),
        "equal_rank": pair_rows(equal_rank, statistics),
        "equal_parameters": pair_rows(equal, statistics),
        "claims": claims(Case(arms, full, missing, statistics)),
        "beside": {
            "seeds": [run.seed for run in full.picked()],
            "full": seed_scores(full),
        },
        "seeds": [run.seed for run in full.picked()],
        "test_sentences": len(full.test_labels),
        "confidence": statistics.confidence,
        "margins": list(statistics.margins),
    }


def metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `dvc metrics` shows and compares: the answer's numbers, and every arm's score."""
    answer = {key: record["answer"][key] for key in ("difference", "low", "high")
              if key in record["answer"]}  # fmt: skip
    score = next(key for key in record["full"] if key.startswith("test_"))
    return {"wide_less_narrow": answer} | {
        f"{row['name']}-r{row['rank']}": {
            score: row[score],
            "to_full": row["to_full"]["difference"],
        }
        for row in record["arms"]
        if not row["main"]
    }


def plot_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what DVC's own plot draws, a row an arm; differences are points."""
    gap = ("difference", "low", "high")
    return [
        {"placement": row["label"], "rank": row["rank"], "main": row["main"]}
        | {"adapter_parameters": row["adapter_parameters"], "score": shown(row)}
        | {key: row["to_full"][key] for key in gap}
        for row in record["arms"]
    ]


def _arms(sweep: Sweep, cells: Sequence[Cell], logits: Read, main: Mapping[str, Any]) -> Arms:
    trained = {cell.name for cell in cells if cell.record is not None}
    # The settings may put a placement into other modules than its role's.
    name = "main" if main["name"] is None or main["name"] in trained else main["name"]
    found = [
        Arm(name, main["label"], rank, True, record, _right(logits, LORA, rank))
        for rank, record in sweep.lora.items()
    ]
    found += [
        Arm(cell.name, LABELS[cell.name], cell.rank, False, cell.record, _right(logits, cell.name,
            cell.rank))
        for cell in cells
        if cell.record is not None
    ]  # fmt: skip
    return by_placement(found)


def _right(logits: Read, name: str, rank: int) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    found = logits.get((name, rank))
    return None if found is None else probabilities(found)[1]


def _notes(cells: Sequence[Cell], main: Mapping[str, Any]) -> list[str]:
    found = [f"LoRA in {main['label']}: {main['note']}"] if main["note"] else []
    for cell in cells:
        if cell.record is not None and cell.place and cell.place["note"]:
            found.append(f"LoRA in {LABELS[cell.name]}: {cell.place['note']}")
    return list(dict.fromkeys(found))


def _label(main: Mapping[str, Any]) -> str:
    """Say where the main study's LoRA is."""
    return LABELS[main["name"]] if main["name"] else listed(main["modules"])


def _row(arm: Arm, statistics: StatisticsSettings) -> dict[str, Any]:
    record = arm.record
    return {
        "name": arm.name,
        "label": arm.label,
        "rank": arm.rank,
        "main": arm.main,
        "adapter_parameters": record.adapter_parameters,
        "trainable_parameters": record.trainable_parameters,
        "learning_rate": record.learning_rate,
        "rates": _rates(record),
        **score_of(scores(record), measure_in(record), statistics.confidence),
        "by_seed": seed_scores(record),
    }


def _rates(record: ArmRecord) -> list[dict[str, float]]:
    return [
        {
            "rate": rate,
            "validation": float(np.mean([run.validation_score for run in record.at(rate)])),
        }
        for rate in sorted(record.learning_rates)
    ]
