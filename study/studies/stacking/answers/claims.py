"""What stacking costs and gains, as claims with verdicts; differences are paired and in points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from study.claims.paired import answer, estimate
from study.claims.statements import Statement, above, below, every, some, within
from study.settings.statistics import StatisticsSettings
from study.studies.stacking.combining.combinations import (
    ALONE,
    SELECTED,
    SUM,
    TRUNCATED,
    Combination,
)
from study.studies.stacking.combining.right import MEAN, TASKS, Key, Right, both
from study.words.phrases import listed, margin

Row = dict[str, Any]

_POINTS = "points"
_answer = partial(answer, sentences="stacking/params.yaml:test_size", pipeline="stacking/dvc.yaml")


@dataclass(frozen=True)
class Case:
    """What the claims are about.

    Attributes:
        right: by combination, task and head; combinations: of these, in order.
        tasks: names of the two.
    """

    right: Mapping[Key, Right]
    combinations: Sequence[Combination]
    tasks: tuple[str, str]
    statistics: StatisticsSettings

    @property
    def alpha(self) -> float:
        """The error rate of an interval's two sides together."""
        return round(1 - self.statistics.confidence, 12)

    @property
    def limit(self) -> float:
        """Points within which accuracies count as alike: the widest of the margins."""
        return max(self.statistics.margins)

    def of(self, kind: str) -> list[Combination]:
        """Return the combinations of one kind."""
        return [each for each in self.combinations if each.kind == kind]

    @property
    def equal(self) -> list[Combination]:
        """The exact sums of two equal weights, ascending."""
        return [each for each in self.of(SUM) if len(set(each.weights)) == 1]

    def statement(self, what: str, one: Right, other: Right, state: Any = above) -> Statement:
        """State that the first is right more often than the other, or by `state` less often."""
        difference = estimate(one.astype(float) - other.astype(float), counts=True, scale=100.0)
        found: Statement = state(what, difference, 0.0, _POINTS)
        return found

    def alike(self, pairs: Sequence[tuple[str, Key, Key]]) -> list[Statement]:
        """State of every pair that the two are alike to within the limit."""
        found: list[Statement] = []
        for what, one, other in pairs:
            difference = self.right[one].astype(float) - self.right[other].astype(float)
            found += within(
                what, estimate(difference, counts=True, scale=100.0), self.limit, _POINTS
            )
        return found


def claims(case: Case) -> list[Row]:
    """Return claim, verdict and numbers of each."""
    rows = [row for each in case.equal for row in _of_sum(case, each)]
    rows += [_truncated(case, each) for each in case.of(TRUNCATED)]
    return [*rows, _spared(case), _heads(case)]


def _of_sum(case: Case, each: Combination) -> Iterator[Row]:
    weight, right = f"{each.weights[0]:g}", case.right
    alone = case.of(ALONE)
    for task, name, own in zip(TASKS, case.tasks, alone, strict=True):
        pair = right[each.name, task, task], right[own.name, task, task]
        yield _answer(
            f"Adding the other task's adapter, both at weight {weight}, costs {name} accuracy.",
            every([case.statement(f"the sum minus {name} alone", *pair, below)], case.alpha),
            f"whether the sum is less accurate on {name} than its adapter alone, with its own head",
        )
    yield _answer(
        f"One model for both tasks, the sum at weight {weight} each under the mean of the heads, "
        "is better on the two together than either adapter alone.",
        every(
            [
                case.statement(f"the sum minus {name} alone", both(each, right), both(own, right))
                for name, own in zip(case.tasks, alone, strict=True)
            ],
            case.alpha,
        ),
        "whether the sum is more accurate on the sentences of both tasks together",
    )
    yield _answer(
        f"Outside an adapter's own task the sum at weight {weight} each is better than the adapter "
        "alone.",
        every(
            [
                case.statement(
                    f"on {case.tasks[1 - i]}, the sum minus {case.tasks[i]} alone",
                    right[each.name, TASKS[1 - i], MEAN],
                    right[alone[i].name, TASKS[1 - i], TASKS[i]],
                )
                for i in (0, 1)
            ],
            case.alpha,
        ),
        "whether the sum, with the mean of the heads, is more accurate than the adapter with its "
        "own head, on the task that the adapter was not trained on",
    )


def _truncated(case: Case, each: Combination) -> Row:
    whole = case.equal[-1].name
    pairs = [
        (f"on {name}, cut down minus exact", (each.name, task, task), (whole, task, task))
        for task, name in zip(TASKS, case.tasks, strict=True)
    ]
    return _answer(
        "Cutting the sum down to the rank of one adapter changes neither task's accuracy by more "
        f"than {margin(case.limit)}.",
        every(case.alike(pairs), case.alpha),
        f"whether cutting the sum down by SVD changes either task's accuracy by less than "
        f"{margin(case.limit)}, with the task's own head",
    )


def _spared(case: Case) -> Row:
    parts, whole = case.of(SELECTED), case.equal[-1].name
    name, head = case.tasks[0], TASKS[0]
    shown = listed([f"in {each.part} only" for each in parts], last="or")
    return _answer(
        f"Adding the second adapter in a part of the model ({shown}) leaves {name} more accurate "
        "than adding it everywhere.",
        some(
            [
                case.statement(
                    f"on {name}, in {each.part} only minus everywhere",
                    case.right[each.name, head, head],
                    case.right[whole, head, head],
                )
                for each in parts
            ],
            case.alpha,
        ),
        f"whether any of these is more accurate on {name} than everywhere, with its own head and "
        "at the largest weights",
    )


def _heads(case: Case) -> Row:
    whole = case.equal[-1]
    pairs = [
        (f"on {name}, mean head minus own", (whole.name, task, MEAN), (whole.name, task, task))
        for task, name in zip(TASKS, case.tasks, strict=True)
    ]
    return _answer(
        "The mean of the two heads serves each task as well as its own head, to within "
        f"{margin(case.limit)}.",
        every(case.alike(pairs), case.alpha),
        f"whether the two heads lie less than {margin(case.limit)} apart in accuracy, for the sum "
        f"at weight {whole.weights[0]:g} each",
    )
