"""The written part of stacking/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study import markdown
from study.figures.stacking import combination
from study.stacking.right import MEAN, TASKS
from study.words import counted


def blocks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the generated parts by name, from `stacking/metrics/stacking.json`."""
    return {"stacking": _table(record), "claims": markdown.claims(record["claims"])}


def _table(record: Mapping[str, Any]) -> str:
    first, second = record["tasks"]
    head = ["adapters"]
    for name in (first, second):
        head += [f"{name}: own head", "mean head", "other's head"]
    rows = [
        [
            combination(row, record["tasks"]),
            *(
                markdown.with_interval(row[task][key], 100, 1) if key in row[task] else "-"
                for task, other in (TASKS, TASKS[::-1])
                for key in (task, MEAN, other)
            ),
        ]
        for row in record["rows"]
    ]
    sizes = " and ".join(f"{size:,}" for size in record["sentences"])
    over = "sentences of one seed" if len(record["seeds"]) == 1 else "seeds and sentences"
    legend = (
        f"Test accuracy in percent on {sizes} sentences of {first} and {second}; "
        f"{counted(len(record['seeds']), 'seed')}; in brackets {100 * record['confidence']:g} % "
        f"intervals over {over}. First: the adapter of {first}; second: of {second}. Own head: of "
        "the task that is tested; mean head: weighted as the adapters are."
    )
    return f"{markdown.table(head, rows)}\n\n{legend}"
