"""`stacking/metrics/stacking.json`: each task's accuracy, alone and together.

tasks          the two tasks' names
rows           a row a combination: name, kind, weights, selection, part (the selection in
               words); `first` and `second`: accuracy on that task's test sentences under each
               head (`first`, `second`, `mean`), each with mean, low, high and by_seed; `both`: on
               the sentences of both together, of one model with one head (its own where an
               adapter is alone, else the mean)
claims         claim, verdict, numbers (with why)
confidence, seeds, sentences (of either task)
left_out       by split of the other task: drawn, and left_out as the study knows them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.claims.paired import described
from study.settings.statistics import StatisticsSettings
from study.studies.stacking.answers.claims import Case, claims
from study.studies.stacking.combining.combinations import Combination, combinations
from study.studies.stacking.combining.right import HEADS, TASKS, Key, Right, both
from study.studies.stacking.settings import StackingSettings

Row = dict[str, Any]


def stacking_record(
    right: Mapping[Key, Right],
    tasks: tuple[str, str],
    settings: StackingSettings,
    statistics: StatisticsSettings,
    seeds: Sequence[int],
    other: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record.

    Args:
        right: as `study.studies.stacking.combining.evaluate.evaluate` gives it, of the same
        settings. tasks: names of the two.
        other: the report on the other task's data (`study.studies.stacking.combining.task`).
    """
    every_one = combinations(settings)
    rows = [_row(each, right, statistics.confidence) for each in every_one]
    sentences = [len(right[every_one[0].name, task, TASKS[0]].T) for task in TASKS]
    return {
        "tasks": list(tasks),
        "rows": rows,
        "claims": claims(Case(right, every_one, tasks, statistics)),
        "confidence": statistics.confidence,
        "seeds": sorted(seeds),
        "sentences": sentences,
        "left_out": {
            name: {"drawn": kept + other["left_out"][name], "left_out": other["left_out"][name]}
            for name, kept in other["kept"].items()
        },
    }


def _row(each: Combination, right: Mapping[Key, Right], confidence: float) -> Row:
    row: Row = {
        "name": each.name,
        "kind": each.kind,
        "weights": list(each.weights),
        "selection": each.selection,
        "part": each.part,
    }
    for task in TASKS:
        row[task] = {
            head: _accuracy(right[each.name, task, head], confidence)
            for head in HEADS
            if (each.name, task, head) in right
        }
    row["both"] = _accuracy(both(each, right), confidence)
    return row


def _accuracy(values: Right, confidence: float) -> dict[str, Any]:
    return described(values, confidence, counts=True, least=0.0, most=1.0)
