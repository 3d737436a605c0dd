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
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.agreement import pairs
from study.agreement.pairs import Estimate
from study.labels import FULL
from study.records import ArmRecord
from study.settings import StatisticsSettings

Classes = NDArray[np.int64]

ONE_SEED = {"reason": "one seed: two runs of one arm take two"}
MORE = "more than full fine-tuning with itself"
LESS = "less than full fine-tuning with itself"
UNTOLD = "no difference from full fine-tuning with itself can be told"


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
      seeds less full with itself, paired, with a verdict. `forced_by_accuracy` is the least that
      two models of these accuracies can disagree, mean over seeds.
    - `full_with_itself`: the yardstick, or a reason.
    """
    tuned = predictions(full)
    several = len(tuned) > 1
    itself = pairs.different_seeds(differ(tuned, tuned), statistics) if several else None
    labels = np.array(full.test_labels)
    rows = []
    for arm in arms:
        if arm.arm == FULL:
            continue
        own = predictions(arm)
        between = differ(own, tuned)
        same = pairs.same_seed(between, statistics).describe(statistics.confidence)
        gaps = (own == labels).mean(axis=1) - (tuned == labels).mean(axis=1)
        rows.append(
            {"arm": arm.arm, "rank": arm.rank}
            | same
            | {"forced_by_accuracy": float(np.abs(gaps).mean())}
            | _over_seeds(own, between, itself, statistics)
        )
    yardstick = ONE_SEED if itself is None else itself.describe(statistics.confidence)
    return {"arms": rows, "full_with_itself": yardstick}


def _over_seeds(
    own: Classes,
    between: NDArray[np.bool_],
    full_with_itself: Estimate | None,
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return what pairs of different seeds tell, or why they do not."""
    names = ("different_seeds", "with_itself", "systematic", "excess")
    if full_with_itself is None:
        return dict.fromkeys(names, ONE_SEED)
    across = pairs.different_seeds(between, statistics)
    with_itself = pairs.different_seeds(differ(own, own), statistics)
    halves = (full_with_itself.mean + with_itself.mean) / 2
    resampled = (full_with_itself.resampled + with_itself.resampled) / 2
    estimates = (across, with_itself, across - Estimate(halves, resampled))
    found: dict[str, Any] = {
        name: estimate.describe(statistics.confidence)
        for name, estimate in zip(names, estimates, strict=False)
    }
    return found | {"excess": excess(across, full_with_itself, statistics.confidence)}


def excess(arm: Estimate, yardstick: Estimate, confidence: float) -> dict[str, Any]:
    """Return the arm's estimate less full fine-tuning's with itself, and what that says."""
    found = (arm - yardstick).describe(confidence, "difference")
    verdict = MORE if found["low"] > 0 else LESS if found["high"] < 0 else UNTOLD
    return {**found, "verdict": verdict}
