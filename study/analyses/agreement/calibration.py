"""Whether a model's confidence is what it says: right as often as it is sure.

The confidence of a prediction is the probability of the class that is predicted (top label), so
that all holds for any number of classes. For p (n, C) and the true class y:

    ECE     sum_b n_b / n |accuracy_b - confidence_b| over bins b of like confidence and equal mass
            (Naeini et al. 2015; equal mass as Nixon et al. 2019 advise), of each seed's model by
            itself, then the mean over seeds
    Brier   sum_c (p_c - [y = c])^2, mean over sentences: Brier's own form, 0 to 2 (Brier 1950)
    NLL     -log p_y, mean over sentences, in nats

ECE is biased upward: chance alone keeps each bin's accuracy from its confidence, so that a model
which is calibrated perfectly has ECE above 0, the more so the fewer sentences a bin has. What such
a model would show is therefore recorded beside it (`ece_by_chance`, mean and upper end): its
confidences are kept, and right answers drawn with these probabilities. ECE is no mean over
sentences, and resampling it would add that noise once more, so that it has no interval; the signed
gap, mean confidence less accuracy, has (`study.statistics.crossed`). A bin's accuracy is a ratio of
two means, right answers in the bin over all answers in it; its interval is that of the ratio made
linear (Cochran 1977, "Sampling techniques", 6.3), the bins' limits taken as given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import crossed_interval

Floats = NDArray[np.float64]

BINS = 15
_CHANCE_DRAWS = 500  # of right answers, for what chance alone does to ECE
_DRAWS_AT_ONCE = 50
_POSSIBLE = {"brier": (0.0, 2.0), "nll": (0.0, math.inf), "overconfidence": (-1.0, 1.0)}

OVER, UNDER = "overconfident", "underconfident"
EITHER = "miscalibrated, but whether over- or underconfident cannot be told"
UNTOLD = "whether it is miscalibrated cannot be told"
"""An interval that holds 0 shows no direction. It does not show that there is none."""


def calibration(
    logits: NDArray[Any], labels: NDArray[np.int64], statistics: StatisticsSettings
) -> dict[str, Any]:
    """Return what `metrics/agreement.json` says of one arm's calibration on the test sentences.

    - `ece`, `ece_by_chance` {mean, high}: see above; `brier`, `nll` with `_low`, `_high`.
    - `overconfidence` with `_low`, `_high`: mean confidence less accuracy; `verdict`.
    - `bins`: of all seeds' predictions together, equal in mass: `confidence` (mean), `accuracy`
      with `low` and `high`, `count`.

    Args:
        logits: (num_seeds, num_sentences, num_labels); labels: (num_sentences,).
    """
    log_p = log_softmax(np.asarray(logits, dtype=np.float64), axis=-1)
    p = np.exp(log_p)
    confidence: Floats = p.max(axis=-1)
    right = p.argmax(axis=-1) == labels
    truth = labels[:, None] == np.arange(p.shape[-1])
    per_sentence = {
        "brier": np.square(p - truth).sum(axis=-1),
        "nll": -np.take_along_axis(log_p, labels[None, :, None], axis=-1)[..., 0],
        "overconfidence": confidence - right,
    }
    found = float(np.mean([ece(*model) for model in zip(confidence, right, strict=True)]))
    chance = ece_by_chance(confidence, statistics.seed)
    high = float(np.quantile(chance, statistics.confidence))
    row = {"ece": found, "ece_by_chance": {"mean": float(chance.mean()), "high": high}}
    for name, scores in per_sentence.items():
        least, most = _POSSIBLE[name]
        interval = crossed_interval(
            scores, statistics.confidence, counts=False, least=least, most=most
        )
        row |= {name: float(scores.mean()), f"{name}_low": interval.low}
        row |= {f"{name}_high": interval.high}
    return {
        **row,
        "verdict": _verdict(row, found > high),
        "bins": reliability(confidence, right, statistics.confidence),
    }


def ece(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Return one model's expected calibration error, from confidence and rightness (n,)."""
    order = np.argsort(confidence, kind="stable")
    gaps = np.add.reduceat((right - confidence)[order], _starts(confidence[order], bins))
    return float(np.abs(gaps).sum()) / len(order)


def ece_by_chance(confidence: Floats, seed: int, bins: int = BINS) -> Floats:
    """Return the ECE of perfectly calibrated models of these confidences (S, n), mean over S.

    One draw of right answers serves all seeds, as their sentences are the same; returns each of the
    draws, (draws,).
    """
    num_seeds, num_sentences = confidence.shape
    order = np.argsort(confidence, axis=1, kind="stable")
    ordered = np.take_along_axis(confidence, order, axis=1)
    starts = [_starts(row, bins) for row in ordered]
    stream = np.random.default_rng(seed)
    found = []
    for _ in range(0, _CHANCE_DRAWS, _DRAWS_AT_ONCE):
        uniform = stream.random((_DRAWS_AT_ONCE, num_sentences))
        total = np.zeros(_DRAWS_AT_ONCE)
        for row, places, first in zip(ordered, order, starts, strict=True):
            right = uniform[:, places] < row
            total += np.abs(np.add.reduceat(right - row, first, axis=1)).sum(axis=1)
        found.append(total / (num_seeds * num_sentences))
    return np.concatenate(found)


def reliability(
    confidence: Floats, right: NDArray[np.bool_], level: float, bins: int = BINS
) -> list[dict[str, Any]]:
    """Return bins of equal mass of all seeds' predictions (S, n), least confident first.

    Args:
        level: of the intervals of their accuracies.
    """
    order = np.argsort(confidence.ravel(), kind="stable")
    starts = _starts(confidence.ravel()[order], bins)
    rows = []
    for members in np.split(order, starts[1:]):
        inside = np.isin(np.arange(confidence.size), members).reshape(confidence.shape)
        accuracy, share = float(right[inside].mean()), float(inside.mean())
        off = crossed_interval(inside * (right - accuracy), level)  # of right in it less expected
        rows.append(
            {
                "confidence": float(confidence[inside].mean()),
                "accuracy": accuracy,
                "low": max(accuracy + off.low / share, 0.0),
                "high": min(accuracy + off.high / share, 1.0),
                "count": len(members),
            }
        )
    return rows


def _starts(ordered: Floats, bins: int) -> NDArray[np.int64]:
    """Return where each bin starts among confidences in ascending order.

    Equal ones stand in one bin, or their order would decide; fewer or uneven bins may be left.
    """
    size = len(ordered)
    even = np.arange(min(bins, size)) * size // min(bins, size)
    starts: NDArray[np.int64] = np.unique(np.searchsorted(ordered, ordered[even]))
    return starts


def _verdict(row: dict[str, Any], beyond_chance: bool) -> str:
    if row["overconfidence_low"] > 0:
        return OVER
    if row["overconfidence_high"] < 0:
        return UNDER
    return EITHER if beyond_chance else UNTOLD
