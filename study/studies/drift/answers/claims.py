"""What drift grows with, and what it does to accuracy, as claims with verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from study.analyses.sufficiency.trend import FALL, RISE, shown
from study.claims.estimates import Estimate
from study.claims.paired import answer, estimate, unanswered
from study.claims.statements import Statement, above, below, every, some
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.studies.drift.answers.measured import ACCURACIES, CHANGE, IN, KL, OUT, Arms, less
from study.studies.drift.outputs.given import Name
from study.words.arms import arm_label
from study.words.phrases import counted

Row = dict[str, Any]

_DISTANCES = (
    (KL, "KL", "outputs are", "nats"),
    (CHANGE, "1 - cosine", "the hidden state is", ""),
)
_answer = partial(answer, pipeline="drift/dvc.yaml")
_KEYS = {
    KL: "drift/params.yaml:sentences",
    CHANGE: "drift/params.yaml:sentences",
    OUT: "drift/params.yaml:sentences",
}
_KEYS[IN] = "data.test_size"  # where there are how many sentences of a measure
_CARRIED = (
    "The text has the task's own classes, so training has taught the question that it asks. This "
    "shows what carries over to other text. It says nothing of what else the pretrained model "
    "could do and may have lost"
)


@dataclass(frozen=True)
class Case:
    """What the claims are about.

    Attributes:
        measured: by measure and arm; ranks: LoRA's arms, ascending.
        trends: by measure, Page's test over the ranks.
        alpha: the error rate of an interval's two sides together.
        without_labels: why nothing is known out of domain; None if it is.
    """

    measured: Mapping[str, Arms]
    ranks: Sequence[Name]
    trends: Mapping[str, Mapping[str, Any]]
    alpha: float
    without_labels: str | None

    def apart(self, measure: str, first: Name, second: Name) -> Estimate:
        """Return the first arm's mean less the second's, paired; accuracies in points."""
        counts = measure in ACCURACIES
        difference = less(self.measured[measure], first, second)
        return estimate(difference, counts=counts, scale=100.0 if counts else 1.0)

    def full_less(
        self, measure: str, unit: str, state: Callable[..., Statement] = above
    ) -> list[Statement]:
        """State of every rank that full fine-tuning has more than it, or by `state` less."""
        full = (FULL, None)
        return [
            state(
                f"full fine-tuning minus {arm_label(*name)}",
                self.apart(measure, full, name),
                0.0,
                unit,
            )
            for name in self.ranks
        ]


def claims(case: Case) -> list[Row]:
    """Return claim, verdict and numbers of each."""
    rows = []
    for measure, _, what, _ in _DISTANCES:
        claim = f"The larger the rank, the farther {what} from the pretrained model's."
        rows.append(_by_rank(case, claim, measure, rises=True))
    for measure, name, what, unit in _DISTANCES:
        claim = f"In full fine-tuning {what} farther from the pretrained model's than in any LoRA."
        finding = every(case.full_less(measure, unit), case.alpha)
        why = f"whether the distance ({name}) is larger in full fine-tuning than in every rank"
        rows.append(_answer(claim, finding, why, _KEYS[measure]))
    rows += [_costs(case), _falls(case)]
    rows += [
        _against_full(case, OUT, "Out of domain", "less", below),
        _against_full(case, OUT, "Out of domain", "more", above),
        _against_full(case, IN, "In domain", "more", above),
    ]
    return rows


def _costs(case: Case) -> Row:
    claim = "Fine-tuning costs accuracy out of domain: some tuned arm falls below the head alone."
    if case.without_labels is not None:
        return unanswered(claim, case.without_labels)
    head = (HEAD_ONLY, None)
    lower = [
        below(f"{arm_label(*name)} minus head only", case.apart(OUT, name, head), 0.0, "points")
        for name in (*case.ranks, (FULL, None))
    ]
    why = f"whether any tuned arm is below the head alone on the general text. {_CARRIED}"
    return _answer(claim, some(lower, case.alpha), why, _KEYS[OUT])


def _falls(case: Case) -> Row:
    claim = "Accuracy out of domain falls the larger the rank."
    if case.without_labels is not None:
        return unanswered(claim, case.without_labels)
    return _by_rank(case, claim, OUT, rises=False)


def _against_full(
    case: Case, measure: str, where: str, how: str, state: Callable[..., Statement]
) -> Row:
    claim = f"{where} full fine-tuning is {how} accurate than every LoRA."
    if measure == OUT and case.without_labels is not None:
        return unanswered(claim, case.without_labels)
    text = "general text" if measure == OUT else "study's test sentences"
    why = f"whether full fine-tuning is {how} accurate on the {text} than every rank"
    finding = every(case.full_less(measure, "points", state), case.alpha)
    return _answer(claim, finding, why, _KEYS[measure])


def _by_rank(case: Case, claim: str, measure: str, *, rises: bool) -> Row:
    """Judge a rise (or a fall) over the ranks: by Page's test; else by the first and the last."""
    ranks, trend = case.ranks, case.trends[measure]
    if len(ranks) < 2:
        return unanswered(claim, f"one rank, {ranks[0][1]}, and nothing to compare it with")
    state = above if rises else below
    ends = state(
        f"{arm_label(*ranks[-1])} minus {arm_label(*ranks[0])}",
        case.apart(measure, ranks[-1], ranks[0]),
        0.0,
        "points" if measure in ACCURACIES else "",
    )
    finding = every([ends], case.alpha)
    if trend["reason"] is not None:
        why = f"whether the largest rank differs from the smallest; {trend['reason']}"
        return _answer(claim, finding, why, _KEYS[measure])
    sentences = case.measured[measure][ranks[0]].shape[1]
    row = _answer(
        claim,
        finding,
        f"whether it {'rises' if rises else 'falls'} with the rank. The trend test says what other "
        f"seeds would give on the same {counted(sentences, 'sentence')}; the interval says what "
        "other sentences would give as well",
    )
    wanted, contrary = (RISE, FALL) if rises else (FALL, RISE)
    verdicts = {wanted: HOLDS, contrary: FAILS, None: UNTOLD}
    row["verdict"] = verdicts[shown(trend, case.alpha)]
    row["numbers"] |= {"p_rise": trend["p_value"], "p_fall": trend["p_value_of_a_fall"]}
    return row


def ranks_of(names: Sequence[Name]) -> list[Name]:
    """Return LoRA's arms among these, in their order."""
    return [name for name in names if name[0] == LORA]
