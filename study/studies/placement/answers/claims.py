"""What others found about places, and what is asked here, with verdicts on this study's runs.

The rules are those of `study.claims.statements`; differences are paired over seeds and sentences.
What was found on language models of billions of parameters may not hold of a small encoder, and the
other way round: a verdict is about this study's model and data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from study.analyses.results.sweep import merits
from study.claims.paired import answer, estimate, unanswered
from study.claims.statements import Statement, above, every, within
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import are_counts
from study.statistics.resampling import Scores
from study.studies.placement.answers.arms import (
    Arm,
    Arms,
    Pair,
    at_equal_parameters,
    at_equal_rank,
)
from study.studies.placement.cells import LABELS
from study.words.phrases import listed, margin

Row = dict[str, Any]
Choose = Callable[[Sequence[Arm], Sequence[Arm]], list[Pair]]

SCHULMAN = "Schulman et al. 2025, “LoRA Without Regret”"
PEFT = "peft pull request 2845, MLP at rank 10 against query and value at rank 32"
QLORA = "Dettmers et al. 2023, “QLoRA”, arXiv 2305.14314"
HU = "Hu et al. 2021, “LoRA”, arXiv 2106.09685, of the matrices of attention"
ZHANG = "Zhang et al. 2023, “AdaLoRA”, arXiv 2303.10512, of the layers near the head"
WRITE_UPS = "the write-ups that this study checks"
HERE = "asked here"
_POINTS = "points"
_answer = partial(answer, sentences="data.test_size", pipeline="placement/dvc.yaml")
_EQUALLY_MANY: Choose = at_equal_parameters
_SAME_RANK: Choose = at_equal_rank


@dataclass(frozen=True)
class Case:
    """What the claims are about.

    Attributes:
        missing: by placement, why it is not among the arms.
    """

    arms: Arms
    full: ArmRecord
    missing: dict[str, str]
    statistics: StatisticsSettings

    @property
    def alpha(self) -> float:
        """The error rate of an interval's two sides together."""
        return round(1 - self.statistics.confidence, 12)

    @property
    def limit(self) -> float:
        """Points within which scores count as alike: the widest of the margins."""
        return max(self.statistics.margins)


def claims(case: Case) -> list[Row]:
    """Return source, claim, verdict and numbers of each."""
    limit = margin(case.limit)
    compared = (
        (SCHULMAN, "With as many parameters, LoRA in all linear layers does better than in all of "
            "attention.", "all_linear", "attention", _EQUALLY_MANY, above),
        (SCHULMAN, "With as many parameters, LoRA in the MLP does better than in all of attention.",
            "mlp", "attention", _EQUALLY_MANY, above),
        (SCHULMAN, "Beside the MLP, attention adds little: at the same rank all linear layers are "
            f"within {limit} of the MLP alone.", "all_linear", "mlp", _SAME_RANK, within),
        (PEFT, "With as many parameters, LoRA in the MLP does better than in query and value.",
            "mlp", "query_value", _EQUALLY_MANY, above),
        (WRITE_UPS, "Adapting more modules at the same rank does better: all linear layers than "
            "query and value.", "all_linear", "query_value", _SAME_RANK, above),
        (WRITE_UPS, "Adapters in the MLP beside those in all of attention do better at the same "
            "rank.", "all_linear", "attention", _SAME_RANK, above),
        (ZHANG, "The upper half of the layers does better than the lower half.",
            "upper_half", "lower_half", _SAME_RANK, above),
        (HERE, "With as many parameters, the upper half of the layers does as well as all of them, "
            f"to within {limit}.", "upper_half", "all_linear", _EQUALLY_MANY, within),
    )  # fmt: skip
    rows = [_compared(case, *each) for each in compared]
    return [rows[0], *_of_full(case), *rows[1:4], _query_and_value(case), *rows[4:]]


def _compared(
    case: Case, source: str, claim: str, one: str, other: str, choose: Choose, state: Any
) -> Row:
    """Judge that the one placement scores above the other, or within the limit of it."""
    reason = _absent(case, (one, other))
    pairs = [] if reason else choose(case.arms[one], case.arms[other])
    if not pairs:
        return _unanswered(source, claim, reason or _no_pairs(case, one, other))
    equal = "train about as many parameters" if choose is at_equal_parameters else "share the rank"
    how = "does better" if state is above else f"is within {margin(case.limit)}"
    why = f"whether {LABELS[one]} {how} in every pair of ranks that {equal}"
    found = every(_statements(case, pairs, state), case.alpha)
    return {"source": source} | _answer(claim, found, why)


def _of_full(case: Case) -> Iterable[Row]:
    claim = "LoRA in all linear layers matches full fine-tuning: to within "
    claim += f"{margin(case.limit)} at its largest rank."
    reason = _absent(case, ("all_linear",))
    if reason:
        yield _unanswered(QLORA, claim, reason)
        return
    arm = case.arms["all_linear"][-1]
    gap = _estimate(arm.merits, merits(case.full))
    statements = within(f"{arm.at} minus full fine-tuning", gap, case.limit, _POINTS)
    why = f"whether the two lie less than {margin(case.limit)} apart"
    yield {"source": QLORA} | _answer(claim, every(list(statements), case.alpha), why)


def _query_and_value(case: Case) -> Row:
    claim = "With as many parameters, query and value are the best matrices to adapt."
    others = [name for name in case.arms if name not in ("query_value", "main")]
    reason = _absent(case, ("query_value",)) or ("" if others else "no other was trained")
    pairs = []
    if not reason:
        for name in others:
            pairs += at_equal_parameters(case.arms[name], case.arms["query_value"])
    if not pairs:
        return _unanswered(HU, claim, reason or _no_pairs(case, "query_value", others[0]))
    turned = [Pair(pair.other, pair.one) for pair in pairs]
    found = every(_statements(case, turned, above), case.alpha)
    shown = listed([LABELS[name] for name in others])
    why = f"whether query and value do better than {shown}, at every two ranks that train about as "
    return {"source": HU} | _answer(claim, found, f"{why}many parameters")


def _statements(case: Case, pairs: Sequence[Pair], state: Any) -> list[Statement]:
    found: list[Statement] = []
    for pair in pairs:
        what = f"{pair.one.at} minus {pair.other.at}"
        gap = _estimate(pair.one.merits, pair.other.merits)
        if state is within:
            found += within(what, gap, case.limit, _POINTS)
        else:
            found.append(state(what, gap, 0.0, _POINTS))
    return found


def _estimate(one: Scores, other: Scores) -> Any:
    difference = one.astype(np.float64) - other
    return estimate(difference, counts=are_counts(one), scale=100.0)


def _absent(case: Case, names: Sequence[str]) -> str:
    """Say which of these are not among the arms, and why; empty if all are."""
    return "; ".join(
        f"LoRA in {LABELS[name]} was not trained: "
        + case.missing.get(name, "it is not among placement/params.yaml:placements")
        for name in names
        if name not in case.arms
    )


def _no_pairs(case: Case, one: str, other: str) -> str:
    ranks = {name: listed([arm.rank for arm in case.arms[name]]) for name in (one, other)}
    return (
        f"of {LABELS[one]} at rank {ranks[one]} and {LABELS[other]} at rank {ranks[other]} no two "
        "can be compared in that way; other `placement/params.yaml:ranks` would tell"
    )


def _unanswered(source: str, claim: str, reason: str) -> Row:
    return {"source": source} | unanswered(claim, reason)
