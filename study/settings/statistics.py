"""Section `statistics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, Seed
from study.entry.parser import Agreement
from study.entry.rules import number, one_of, optional, several, whole
from study.entry.sections import Section

METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "matthews", "log_loss"),
    "regression": ("pearson", "spearman", "rmse"),
}


@dataclass(frozen=True)
class StatisticsSettings:
    """How sure the study is: intervals, and tests of equivalence.

    Attributes:
        confidence: of intervals; 1 - confidence is the error rate of tests.
        resamples, seed: of the bootstrap over seeds and test sentences crossed.
        margins: within which a rank counts as equivalent to full fine-tuning: hundredths of the
            metric, or of log_loss and rmse in its own unit.
        power: chance of a clear answer at which the seeds that it takes are counted.
        looks: numbers of blocks of seeds at which the answer is looked at, ascending, as
            `stages.answer` does; None: once. The error rate is shared out over them.
        budget: blocks in all, at the most, that `stages.answer` may train.
        metric: by which arms are compared, from the pick of an epoch on (`study.metrics`); auto:
            the task's first.
    """

    confidence: Annotated[float, number(above=0, below=1)]
    resamples: Annotated[int, whole(10)]
    seed: Seed
    margins: Annotated[tuple[float, ...], several(number(above=0, below=100))]
    power: Annotated[float, number(above=0, below=1)]
    looks: Annotated[tuple[int, ...] | None, optional(several(whole(1)))]
    budget: Count
    metric: Annotated[str, one_of("auto", *(n for names in METRICS.values() for n in names))]


def of_task(metric: str, task: str) -> bool:
    """Whether a metric measures the answers of a task."""
    return metric == "auto" or metric in METRICS[task]


AGREEMENTS = (
    Agreement(
        ("statistics.looks",),
        lambda looks: looks is None or list(looks) == sorted(looks),
        "null, or numbers of blocks in ascending order",
    ),
    Agreement(
        ("statistics.looks", "blocks"),
        lambda looks, blocks: looks is None or 1 + len(blocks) in looks,
        "looks at the number of blocks that there are, the first included; or null, for one look",
    ),
    *(
        Agreement(
            ("statistics.metric", "data.task"),
            lambda metric, task, this=task: task != this or of_task(metric, task),
            f"auto, {', '.join(names[:-1])} or {names[-1]} for data.task: {task}",
        )
        for task, names in METRICS.items()
    ),
)


STATISTICS = Section("statistics", StatisticsSettings, AGREEMENTS)
