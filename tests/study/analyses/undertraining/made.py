"""Arms whose training went as a test says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from study.analyses.results.sweep import Sweep
from study.analyses.results.validation import Answers
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord, Evaluation
from tests.study.fake_records import fake_arm

Loss = Callable[[float], float]  # of the share of the steps that are done, from 0 to 1

GUESSING = math.log(2)
SHARES = {"a class of long name, number 0": 0.5, "a class of long name, number 1": 0.5}


def settled(share: float) -> float:
    """A loss that falls to a third of guessing's and stays there for the last half."""
    return GUESSING * (1 / 3 + (2 / 3) * max(0.0, 1 - 2 * share))


def straight(share: float) -> float:
    """A loss that falls in a straight line to half of guessing's."""
    return GUESSING * (1 - share / 2)


def flat(share: float) -> float:
    """A loss that hardly leaves guessing's: 1.06 of 1.10, as seen on 243 texts in 16 steps."""
    return GUESSING * (1 - share * (1 - 1.06 / math.log(3)))


def arm(
    name: str, rank: int | None = None, loss: Loss = settled, *, steps: int = 200,
    epochs: int = 2, best: int | None = None, rates: tuple[float, ...] = (1e-3,),
) -> ArmRecord:  # fmt: skip
    """Return an arm of three seeds; `best` is their best epoch, the last one if None."""
    record = fake_arm(name, rank, num_sentences=20, learning_rates=rates)
    places = tuple(range(steps // 20, steps + 1, steps // 20))
    validation = tuple(
        Evaluation(epoch=e, step=e * steps // epochs, score=0.8, loss=0.4)
        for e in range(1, epochs + 1)
    )
    runs = tuple(
        replace(
            run,
            best_epoch=best or epochs,
            loss_steps=places,
            loss_values=tuple(loss(place / steps) for place in places),
            validation=validation,
        )
        for run in record.runs
    )
    return replace(record, runs=runs)


def answers(accuracies: dict[tuple[str, int | None], float], sentences: int = 400) -> Answers:
    """Return answers on validation, half of them of each class, right so often in every seed."""
    labels = np.arange(sentences) % 2
    luck = np.random.default_rng(0).random((3, sentences))
    return Answers({key: luck < accuracy for key, accuracy in accuracies.items()}, labels)


def sweep(*, lora: dict[int, ArmRecord] | None = None, full: ArmRecord | None = None) -> Sweep:
    """Return a study whose arms all trained, but for those that are given."""
    of_ranks = {1: arm(LORA, 1), 4: arm(LORA, 4)} | (lora or {})
    return Sweep(arm(HEAD_ONLY), full or arm(FULL), of_ranks)


GOOD: dict[tuple[str, int | None], float] = {
    (HEAD_ONLY, None): 0.7,
    (FULL, None): 0.85,
    (LORA, 1): 0.82,
    (LORA, 4): 0.84,
}
