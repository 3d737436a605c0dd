"""What is measured of every arm, sentence by sentence.

kl              KL(tuned || base) = sum_c p_c (log p_c - log q_c), p of the tuned model
change          1 - cosine of the hidden state and the pretrained encoder's
out_of_domain   right on the general text, if that has labels of the study's classes
in_domain       right on the study's test sentences
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.agreement.divergence import kl
from study.analyses.results.sweep import Sweep
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.studies.drift.outputs.given import Given, Name

Values = NDArray[Any]  # (num_seeds, num_sentences)
Arms = Mapping[Name, Values]

KL, CHANGE, OUT, IN = "kl", "change", "out_of_domain", "in_domain"
ACCURACIES = (OUT, IN)
MEASURES = {
    KL: "KL(tuned || base) in nats, mean over the general text's sentences. The pretrained encoder "
    "has no head: the base's outputs are those of the head-only arm of the same seed, which is the "
    "pretrained encoder, frozen, under a trained head. It mixes two things: other answers, and the "
    "same answers with more or less confidence. How much confidence depends on how each head was "
    "trained, its learning rate included",
    CHANGE: "1 - cosine of the hidden state that the head reads and the pretrained encoder's, mean "
    "over the general text's sentences; needs no head, and looks at no other state",
    OUT: "accuracy on the general text",
    IN: "accuracy on the study's test sentences",
}
MOST = {KL: math.inf, CHANGE: 2.0, OUT: 1.0, IN: 1.0}


def records_of(results: Sweep) -> dict[Name, ArmRecord]:
    """Return the study's records by arm and rank."""
    found: dict[Name, ArmRecord] = {
        (HEAD_ONLY, None): results.head_only,
        (FULL, None): results.full,
    }
    return found | {(LORA, rank): record for rank, record in results.lora.items()}


def measured(
    given: Mapping[Name, Given],
    labels: NDArray[np.int64] | None,
    records: Mapping[Name, ArmRecord],
) -> dict[str, Arms]:
    """Return every measure of every arm; without labels there is none out of domain."""
    base = given[HEAD_ONLY, None]
    found: dict[str, Arms] = {
        KL: {name: kl(own.logits, base.logits) for name, own in given.items()},
        CHANGE: {name: own.change.astype(np.float64) for name, own in given.items()},
        IN: {name: right(records[name]) for name in given},
    }
    if labels is not None:
        found[OUT] = {name: own.logits.argmax(axis=-1) == labels for name, own in given.items()}
    return found


def right(record: ArmRecord) -> NDArray[np.bool_]:
    """Return which test sentences each seed got right, whatever the study's metric is."""
    predicted = np.array([run.test_predictions for run in record.picked()])
    found: NDArray[np.bool_] = predicted == np.array(record.test_labels)
    return found


def less(values: Arms, first: Name, second: Name) -> NDArray[np.float64]:
    """Return the first arm's values less the second's, paired."""
    return values[first].astype(np.float64) - values[second].astype(np.float64)
