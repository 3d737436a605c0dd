"""`drift/metrics/drift.json`: drift by arm and rank, and what it does to accuracy.

    text             the report on the general text (`study.drift.text`)
    measures         what each measure is, in words
    arms             a row an arm: arm, rank, and by measure mean, low, high and by_seed
    trend            by measure, Page's test over the ranks (`study.sufficiency.trend`)
    claims           claim, verdict, numbers (with why)
    confidence, seeds, sentences, test_sentences

Measures: `kl` (nats) and `change` (1 - cosine) of the general text's sentences; `out_of_domain`
and `in_domain`, accuracy on it and on the study's test sentences. Where the text has no labels of
the study's classes, `out_of_domain` is a reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.agreement.divergence import kl
from study.claims.statements import Statement, above, below, every, some
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from study.drift.given import Given, Name
from study.estimates import answer, described, estimate, unanswered
from study.labels import FULL, HEAD_ONLY, LORA, arm_label
from study.records import ArmRecord
from study.results import Sweep, scores
from study.settings import StatisticsSettings
from study.sufficiency.trend import page

Values = NDArray[Any]  # (num_seeds, num_sentences)
Arms = Mapping[Name, Values]

KL, CHANGE, OUT, IN = "kl", "change", "out_of_domain", "in_domain"
MEASURES = {
    KL: "KL(tuned || base) in nats, mean over the general text's sentences. The pretrained encoder "
    "has no head: the base's outputs are those of the head-only arm of the same seed, which is the "
    "pretrained encoder, frozen, under a trained head",
    CHANGE: "1 - cosine of the hidden state that the head reads and the pretrained encoder's, mean "
    "over the general text's sentences; needs no head",
    OUT: "accuracy on the general text",
    IN: "accuracy on the study's test sentences",
}
_SENTENCES = "drift.sentences"
_NAMES = {KL: "KL", CHANGE: "1 - cosine"}
_DISTANCES = ((KL, "outputs are", "nats"), (CHANGE, "the hidden state is", ""))
_MOST = {KL: math.inf, CHANGE: 2.0, OUT: 1.0, IN: 1.0}


def drift_record(
    given: Mapping[Name, Given],
    labels: NDArray[np.int64],
    text: Mapping[str, Any],
    results: Sweep,
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the record.

    Args:
        given: of every arm, head-only first, LoRA by rank ascending, full fine-tuning last.
        labels: (n,) of the general text; looked at if `text` says that there are any.
        results: of the same study.
    """
    measured = _measured(given, labels if text["without_labels"] is None else None, results)
    confidence = statistics.confidence
    arms = [
        {"arm": arm, "rank": rank}
        | {
            measure: described(
                values[arm, rank],
                confidence,
                counts=measure in (OUT, IN),
                least=0.0,
                most=_MOST[measure],
            )
            for measure, values in measured.items()
        }
        for arm, rank in given
    ]
    ranks = [name for name in given if name[0] == LORA]
    trends = {
        measure: page([values[name].mean(axis=1).tolist() for name in ranks])
        for measure, values in measured.items()
    }
    claims = _claims(measured, ranks, trends, round(1 - confidence, 12), text["without_labels"])
    return {
        "text": dict(text),
        "measures": MEASURES,
        "arms": arms,
        "trend": trends,
        "claims": claims,
        "confidence": confidence,
        "seeds": [run.seed for run in results.full.picked()],
        "sentences": len(labels),
        "test_sentences": len(results.full.test_labels),
    }


def _measured(
    given: Mapping[Name, Given], labels: NDArray[np.int64] | None, results: Sweep
) -> dict[str, dict[Name, Values]]:
    """Return every measure of every arm, (num_seeds, num_sentences)."""
    base = given[HEAD_ONLY, None]
    records: dict[Name, ArmRecord] = {
        (HEAD_ONLY, None): results.head_only,
        (FULL, None): results.full,
    }
    records |= {(LORA, rank): record for rank, record in results.lora.items()}
    found: dict[str, dict[Name, Values]] = {
        KL: {name: kl(own.logits, base.logits) for name, own in given.items()},
        CHANGE: {name: own.change.astype(np.float64) for name, own in given.items()},
        IN: {name: scores(records[name]) for name in given},
    }
    if labels is not None:
        found[OUT] = {name: own.logits.argmax(axis=-1) == labels for name, own in given.items()}
    return found


def _claims(
    measured: Mapping[str, Arms],
    ranks: Sequence[Name],
    trends: Mapping[str, Mapping[str, Any]],
    alpha: float,
    without_labels: str | None,
) -> list[dict[str, Any]]:
    rows = []
    for measure, what, _ in _DISTANCES:
        claim = f"The larger the rank, the farther {what} from the pretrained model's."
        rows.append(_by_rank(claim, measured[measure], ranks, trends[measure], alpha, rises=True))
    for measure, what, unit in _DISTANCES:
        statements = [
            above(
                f"full fine-tuning less {_label(name)}",
                _less(measured[measure], (FULL, None), name),
                0.0,
                unit,
            )
            for name in ranks
        ]
        claim = f"In full fine-tuning {what} farther from the pretrained model's than in any LoRA."
        why = f"{_NAMES[measure]} in full fine-tuning less that in each rank"
        rows.append(answer(claim, every(statements, alpha), why, _SENTENCES))
    costs = "Fine-tuning costs accuracy out of domain: some tuned arm falls below the head alone."
    falls = "Accuracy out of domain falls the larger the rank."
    if without_labels is not None:
        return [*rows, *(unanswered(claim, without_labels) for claim in (costs, falls))]
    right = measured[OUT]
    tuned = [name for name in right if name[0] != HEAD_ONLY]
    lower = [
        below(
            f"{_label(name)} less head only",
            _less(right, name, (HEAD_ONLY, None), OUT),
            0.0,
            "points",
        )
        for name in tuned
    ]
    why = "accuracy on the general text, less that of the head alone"
    rows.append(answer(costs, some(lower, alpha), why, _SENTENCES))
    rows.append(_by_rank(falls, right, ranks, trends[OUT], alpha, rises=False))
    return rows


def _by_rank(
    claim: str,
    values: Arms,
    ranks: Sequence[Name],
    trend: Mapping[str, Any],
    alpha: float,
    *,
    rises: bool,
) -> dict[str, Any]:
    """Judge a rise (or a fall) over the ranks: by Page's test; else by the first and the last."""
    if len(ranks) < 2:
        return unanswered(claim, f"one rank, {ranks[0][1]}, and nothing to compare it with")
    counts = values[ranks[0]].dtype == np.bool_
    what = f"{_label(ranks[-1])} less {_label(ranks[0])}"
    state = above if rises else below
    apart = _less(values, ranks[-1], ranks[0], OUT if counts else None)
    ends: Statement = state(what, apart, 0.0, "points" if counts else "")
    why = "the largest rank less the smallest"
    if trend["reason"] is not None:
        return answer(claim, every([ends], alpha), f"{why}; {trend['reason']}", _SENTENCES)
    row = answer(claim, every([ends], alpha), "seeds are the blocks of the test")
    keys = ("p_value", "p_value_of_a_fall")
    shown, refuted = (trend[key] for key in (keys if rises else keys[::-1]))
    # One side each, so that either verdict errs with a chance of at most alpha / 2.
    row["verdict"] = HOLDS if shown <= alpha / 2 else FAILS if refuted <= alpha / 2 else UNTOLD
    row["numbers"] |= {
        "p_rise": trend["p_value"],
        "p_fall": trend["p_value_of_a_fall"],
    }
    return row


def _less(values: Arms, first: Name, second: Name, measure: str | None = None) -> Any:
    """Return the first arm's mean less the second's, paired; accuracies in points."""
    counts = measure == OUT
    difference = values[first].astype(np.float64) - values[second].astype(np.float64)
    return estimate(difference, counts=counts, scale=100.0 if counts else 1.0)


def _label(name: Name) -> str:
    return arm_label(*name)
