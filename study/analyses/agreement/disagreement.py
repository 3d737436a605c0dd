"""How often two models predict different classes for the same test sentence.

Two arms can have one accuracy and be right about different sentences. The yardstick is full
fine-tuning itself: two of its seeds, which differ in the head's initial weights and in the order of
the batches and in nothing else, disagree too. An arm is told from full fine-tuning if it disagrees
with it more than that. Two forms are recorded:

    same seed        share of sentences that run (arm, s) and run (full, s) predict differently,
                     mean over s: what the choice of the method alone changes
    different seeds  the same of (arm, s) and (full, t), s != t: the form that is like the
                     yardstick, (full, s) against (full, t). Their difference is 0 if the arm's runs
                     are drawn as full fine-tuning's are, and it is what the verdict is about

    systematic       different seeds less the mean of both arms' disagreement with themselves: half
                     the squared energy distance (Székely & Rizzo 2013) of the arms' predictions
                     under the 0-1 metric, which is 1/2 sum_c (a_c - f_c)^2, a and f the shares of
                     an arm's runs that choose class c, mean over sentences. 0 where the arms agree
                     but for the luck of seeds, however much of that there is

The linear probe, which has no seeds, is `study.analyses.agreement.probe`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.agreement import pairs
from study.analyses.agreement.pairs import Estimate
from study.analyses.sufficiency.equivalence import holm
from study.records.arm_names import FULL
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings

Classes = NDArray[np.int64]
Name = tuple[str, int | None]  # arm and rank

ONE_SEED = {"reason": "one seed: two runs of one arm take two"}
MORE = "more than full fine-tuning with itself"
LESS = "less than full fine-tuning with itself"
UNTOLD = "whether it differs from full fine-tuning with itself cannot be told"


def predictions(record: ArmRecord) -> Classes:
    """Return the predicted classes (num_seeds, num_sentences)."""
    return np.array([run.test_predictions for run in record.picked()])


def differ(first: Classes, second: Classes) -> NDArray[np.bool_]:
    """Return where runs of one arm (S, n) and of another (S, n) differ, (S, S, n)."""
    found: NDArray[np.bool_] = first[:, None] != second[None]
    return found


def disagreement(
    arms: list[ArmRecord], full: ArmRecord, statistics: StatisticsSettings
) -> dict[str, Any]:
    """Return the `disagreement` part of `metrics/agreement.json`; shares are fractions.

    - `arms`, full fine-tuning left out: `mean`, `low`, `high` of the same seed, and, each with its
      interval or a reason, `different_seeds`, `with_itself`, `systematic` and `excess`: different
      seeds less full with itself, paired, with a verdict (`excesses`). `forced_by_accuracy` is the
      least that two models of these accuracies can disagree, mean over seeds.
    - `full_with_itself`: the yardstick, or a reason.
    """
    confidence = statistics.confidence
    tuned = predictions(full)
    itself = pairs.different_seeds(differ(tuned, tuned)) if len(tuned) > 1 else None
    labels = np.array(full.test_labels)
    rows: dict[Name, dict[str, Any]] = {}
    across: dict[Name, Estimate] = {}
    for arm in arms:
        if arm.arm == FULL:
            continue
        own = predictions(arm)
        between = differ(own, tuned)
        gaps = (own == labels).mean(axis=1) - (tuned == labels).mean(axis=1)
        row = rows[arm.arm, arm.rank] = {
            "arm": arm.arm,
            "rank": arm.rank,
            **pairs.same_seed(between).describe(confidence, least=0),
            "forced_by_accuracy": float(np.abs(gaps).mean()),
        }
        if itself is None:
            row |= dict.fromkeys(("different_seeds", "with_itself", "systematic"), ONE_SEED)
            continue
        with_itself = pairs.different_seeds(differ(own, own))
        pair = across[arm.arm, arm.rank] = pairs.different_seeds(between)
        halves = Estimate((itself.values + with_itself.values) / 2, itself.counts)
        row["different_seeds"] = pair.describe(confidence, least=0)
        row["with_itself"] = with_itself.describe(confidence, least=0)
        row["systematic"] = (pair - halves).describe(confidence)
    told = {} if itself is None else excesses(across, itself, confidence)
    return {
        "arms": [row | {"excess": told.get(name, ONE_SEED)} for name, row in rows.items()],
        "full_with_itself": ONE_SEED if itself is None else itself.describe(confidence, least=0),
    }


def excesses(
    across: Mapping[Name, Estimate], yardstick: Estimate, confidence: float
) -> dict[Name, dict[str, Any]]:
    """Return each arm's estimate less full fine-tuning's with itself, and what that says.

    - `difference`, `low`, `high`: of this arm alone.
    - `p_more`, `p_less`: one-sided, of the same question put to every rank, by Holm's procedure
      (`study.analyses.sufficiency.equivalence`). Both directions are asked, so half of
      1 - confidence or less is a `verdict`. Head-only, which is no rank, is asked by itself.
    """
    differences = {name: arm - yardstick for name, arm in across.items()}
    found: dict[Name, dict[str, Any]] = {}
    for kind in dict.fromkeys(arm for arm, _ in differences):
        names = [name for name in differences if name[0] == kind]
        measured = [differences[name].crossed() for name in names]
        means = [differences[name].mean for name in names]
        more = holm(measured, means)
        less = holm(measured, [-mean for mean in means])
        for name, p_more, p_less in zip(names, more, less, strict=True):
            found[name] = {
                **differences[name].describe(confidence, "difference"),
                "p_more": p_more,
                "p_less": p_less,
                "verdict": _verdict(p_more, p_less, round(1 - confidence, 12) / 2),
            }
    return found


def _verdict(p_more: float, p_less: float, alpha: float) -> str:
    if p_more <= alpha:
        return MORE
    return LESS if p_less <= alpha else UNTOLD
