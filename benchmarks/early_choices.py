"""What early exit would have picked, of rates that were all trained whole.

Every run of neighbouring rates of an arm counts as a search: of four rates three of two, two of
three and one of four. Nothing is trained; the rule is the study's own (`study.arms.early_exit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, TypeAlias, get_args

from study.arms.early_exit import dropped
from study.metrics.measure import measure_named
from study.records.runs import ArmRecord, RunRecord
from study.words import markdown

By: TypeAlias = Literal["score", "loss"]


@dataclass(frozen=True)
class Point:
    """How a rate stands after a share of the steps, the higher the better, on the mean over seeds.

    Attributes:
        score: merit by the study's metric; loss: less the loss.
    """

    score: float
    loss: float


@dataclass(frozen=True)
class Whole:
    """One learning rate of an arm, trained whole.

    Attributes:
        stood: by share of the steps.
        validation, test: merits at the best epoch, on the mean over seeds; a hundredth is a point.
    """

    rate: float
    stood: Mapping[float, Point]
    validation: float
    test: float


def from_record(record: ArmRecord) -> list[Whole]:
    """Read an arm's rates, which stood where an epoch ended; the last epoch is the end."""
    merit = measure_named(record.metric).merit
    found = []
    for rate in record.whole_rates:
        runs = record.at(rate)
        epochs = max(point.epoch for run in runs for point in run.validation)
        stood = {epoch / epochs: _after(runs, epoch, record.metric) for epoch in range(1, epochs)}
        validation, test = (
            fmean(merit(getattr(run, f"{split}_score")) for run in runs)
            for split in ("validation", "test")
        )
        found.append(Whole(rate, stood, validation, test))
    return found


def _after(runs: Sequence[RunRecord], epoch: int, metric: str) -> Point:
    """Return the means over runs of their best validation up to an epoch."""
    merit = measure_named(metric).merit
    best = [
        max(
            (p for p in run.validation if p.epoch <= epoch), key=lambda p: (merit(p.score), -p.loss)
        )
        for run in runs
    ]
    return Point(fmean(merit(p.score) for p in best), -fmean(p.loss for p in best))


def searches(rates: Sequence[Whole], count: int) -> Iterator[Sequence[Whole]]:
    """Yield every run of so many neighbouring rates."""
    ordered = sorted(rates, key=lambda whole: whole.rate)
    for start in range(len(ordered) - count + 1):
        yield ordered[start : start + count]


def judged(arms: Mapping[str, Sequence[Whole]]) -> list[dict[str, Any]]:
    """Return, for each number of rates, share and way of comparing, what early exit does.

    - `searches`: how many there are; `same`: in how many of them it picks the rate that training
      all would; `also_tied`: in how many two of the rates kept each other by being equal.
    - `validation_cost`, `test_cost`: means over searches of what its pick loses to the other's,
      in points; `worst_test_cost`: the most; `saved`: mean share of the steps that is not done.
    """
    rows = []
    for count in range(2, max(map(len, arms.values())) + 1):
        every = [search for rates in arms.values() for search in searches(rates, count)]
        shares = sorted(set.intersection(*(set(w.stood) for search in every for w in search)))
        for share in shares:
            rows += [_row(every, count, share, by) for by in get_args(By)]
    return rows


def _row(every: Sequence[Sequence[Whole]], count: int, share: float, by: By) -> dict[str, Any]:
    same, tied = 0, 0
    validation, test, saved = [], [], []
    for search in every:
        gone = dropped({whole.rate: getattr(whole.stood[share], by) for whole in search})
        left = [whole for whole in search if whole.rate not in gone]
        early, best = (max(some, key=lambda whole: whole.validation) for some in (left, search))
        same += early.rate == best.rate
        tied += len(gone) < count // 2
        validation.append(100 * (best.validation - early.validation))
        test.append(100 * (best.test - early.test))
        saved.append(len(gone) * (1 - share) / count)
    return {
        "rates": count,
        "share": share,
        "by": by,
        "searches": len(every),
        "same": same,
        "also_tied": tied,
        "validation_cost": fmean(validation),
        "test_cost": fmean(test),
        "worst_test_cost": max(test),
        "saved": fmean(saved),
    }


def block(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    head = [
        "rates",
        "after",
        "by",
        "same pick",
        "costs on validation, on test (most), points",
        "saves",
    ]
    return markdown.table(
        head,
        [
            [
                str(row["rates"]),
                f"{100 * row['share']:.0f} %",
                row["by"],
                f"{row['same']} of {row['searches']}",
                f"{row['validation_cost']:.2f}, {row['test_cost']:+.2f} "
                f"({row['worst_test_cost']:+.2f})",
                f"{100 * row['saved']:.0f} %",
            ]
            for row in rows
        ],
    )
