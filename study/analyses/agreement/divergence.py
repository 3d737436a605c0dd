"""How far apart two models' outputs are: Kullback and Leibler's divergence, in nats.

    KL(p || q) = sum_c p_c (log p_c - log q_c)        p of the tuned model, q of the reference

mean over test sentences, computed in fp64 from the logits. It is not symmetric: it asks how badly
the reference would encode what the tuned model says. Two references:

    full fine-tuning of the same seed, with full fine-tuning of other seeds as the yardstick;
    the pretrained model. A pretrained encoder has no classification head, so that it has no outputs
    of its own for the task: those of the head-only arm of the same seed are taken, which is the
    pretrained encoder, frozen, under a trained head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from study.analyses.agreement import pairs
from study.analyses.agreement.disagreement import ONE_SEED, Name, excesses
from study.analyses.agreement.pairs import Estimate
from study.records.arm_names import FULL, HEAD_ONLY
from study.settings.statistics import StatisticsSettings

Floats = NDArray[np.float64]
LogitsArray = NDArray[np.float32 | np.float64]


def kl(tuned: LogitsArray, reference: LogitsArray) -> Floats:
    """Return KL(tuned || reference) in nats of each sentence, from logits of the last axis.

    In logarithms throughout, so that probabilities too small for a float do no harm.

    Args:
        tuned, reference: (..., num_labels), of shapes that broadcast.
    """
    p, q = (log_softmax(np.asarray(x, dtype=np.float64), axis=-1) for x in (tuned, reference))
    found: Floats = (np.exp(p) * (p - q)).sum(axis=-1)
    return found


def between(tuned: LogitsArray, reference: LogitsArray) -> Floats:
    """Return KL of all pairs of runs, (S, S, n), from logits (S, n, num_labels)."""
    return kl(tuned[:, None], reference[None])


def divergence(
    logits: Mapping[Name, LogitsArray], statistics: StatisticsSettings
) -> dict[str, Any]:
    """Return the `divergence` part of `metrics/agreement.json`, in nats.

    - `arms`: `from_full` and `from_pretrained` of the same seed, each with `_low` and `_high`;
      where an arm is its own reference that is 0. `from_full_different_seeds` and its `excess`
      over `full_with_itself`, paired, with a verdict, or a reason.
    - `full_with_itself`: KL of pairs of full fine-tuning's seeds, either way round.

    Args:
        logits: of the test sentences by arm, (num_seeds, num_sentences, num_labels).
    """
    full, pretrained = logits[FULL, None], logits[HEAD_ONLY, None]
    confidence = statistics.confidence
    itself = pairs.different_seeds(between(full, full)) if len(full) > 1 else None
    rows: dict[Name, dict[str, Any]] = {}
    across: dict[Name, Estimate] = {}
    for (arm, rank), tuned in logits.items():
        from_full, from_pretrained = between(tuned, full), between(tuned, pretrained)
        row = rows[arm, rank] = {"arm": arm, "rank": rank}
        row |= _named("from_full", pairs.same_seed(from_full), confidence)
        row |= _named("from_pretrained", pairs.same_seed(from_pretrained), confidence)
        if itself is None:
            row |= {"from_full_different_seeds": ONE_SEED, "excess": ONE_SEED}
        else:
            pair = across[arm, rank] = pairs.different_seeds(from_full)
            row["from_full_different_seeds"] = pair.describe(confidence, least=0)
    if itself is not None:
        del across[FULL, None]
        found = excesses(across, itself, confidence)
        found[FULL, None] = {"reason": "full fine-tuning with itself is the yardstick"}
        for name, row in rows.items():
            row["excess"] = found[name]
    return {
        "unit": "nats, mean over test sentences",
        "direction": "KL(tuned || reference)",
        "pretrained": "outputs of the head-only arm of the same seed: the pretrained encoder, "
        "frozen, under a trained head; it has no head of its own",
        "arms": list(rows.values()),
        "full_with_itself": ONE_SEED if itself is None else itself.describe(confidence, least=0),
    }


def _named(name: str, estimate: Estimate, confidence: float) -> dict[str, float]:
    found = estimate.describe(confidence, name, least=0)
    return {name: found[name], f"{name}_low": found["low"], f"{name}_high": found["high"]}
