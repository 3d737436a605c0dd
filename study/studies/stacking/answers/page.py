"""The written part of stacking/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.studies.stacking.answers import figure
from study.studies.stacking.combining.right import MEAN, TASKS
from study.words import markdown
from study.words.phrases import counted, listed


def blocks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the generated parts by name, from `stacking/metrics/stacking.json`."""
    seen = figure.alternative(record), figure.caption(record)
    return {
        "figure": markdown.picture("plots/stacking.png", *seen),
        "stacking": _table(record),
        "claims": markdown.claims(record["claims"]),
    }


def _table(record: Mapping[str, Any]) -> str:
    first, second = record["tasks"]
    head = ["adapters"]
    for name in (first, second):
        head += [f"{name}: {of} head" for of in ("own", "mean", "other's")]
    head.append("both tasks, one head")
    rows = [
        [
            figure.combination(row, record["tasks"]),
            *(
                markdown.with_interval(row[task][key], 100, 1) if key in row[task] else "-"
                for task, other in (TASKS, TASKS[::-1])
                for key in (task, MEAN, other)
            ),
            markdown.with_interval(row["both"], 100, 1),
        ]
        for row in record["rows"]
    ]
    sizes = " and ".join(f"{size:,}" for size in record["sentences"])
    over = "sentences of one seed" if len(record["seeds"]) == 1 else "seeds and sentences"
    legend = (
        f"Test accuracy in percent on {sizes} sentences of {first} and {second}; "
        f"{counted(len(record['seeds']), 'seed')}; in brackets {100 * record['confidence']:g} % "
        f"intervals over {over}. First: the adapter of {first}; second: of {second}. Own head: "
        "of the task that is tested; mean head: of the two, weighted as the adapters are. "
        "Both tasks, one head: the sentences of both together, of an adapter alone under its own "
        f"head, else under the mean. {_left_out(record)}"
    )
    return f"{markdown.table(head, rows)}\n\n{legend}"


def _left_out(record: Mapping[str, Any]) -> str:
    """Say how many of the other task's sentences the study knows."""
    each = [
        f"{cell['left_out']:,} of {cell['drawn']:,} {name}"
        for name, cell in record["left_out"].items()
    ]
    return (
        f"Of the sentences drawn of {record['tasks'][1]} {listed(each)} sentences are left out, as "
        "the study trains, validates or tests on the same or near-duplicates."
    )
