"""What to do about an arm that did not train, as the settings to run again with."""

from __future__ import annotations

from collections.abc import Collection

from study.analyses.undertraining.signs import (
    BEHIND_HEAD,
    HARDLY_LEARNED,
    NO_BETTER,
    STILL_LEARNING,
)
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.steps import epochs_for

BY_HEART = 0.9
"""Of guessing's loss; what is left is then less than the noise of single labels."""

_SECTION = {HEAD_ONLY: "head_only", FULL: "full", LORA: "lora"}


def epochs_wanted(epochs: int, steps: int, usual: int) -> int:
    """Return how many epochs to try: of the usual number of steps, and twice as many at least."""
    return max(2 * epochs, epochs_for(usual, steps / epochs))


def remedy(
    arm: str,
    signs: Collection[str],
    epochs: int,
    steps: int,
    rates: Collection[float],
    learned: float,
    usual: int,
) -> list[str]:
    """Return settings that train an arm better, as `dvc exp run -S` takes them; none if it trained.

    Few steps ask for epochs. An arm that learned next to nothing in the usual number of steps asks
    for other learning rates, three times as small and as large. One that has learned its training
    sentences by heart asks for neither: it takes more sentences to show that it learned more.

    Args:
        epochs, steps: that were planned; a run that stopped early took fewer.
        learned: the share of guessing's loss that training took away.
        usual: steps of an arm that has so many classes to tell apart.
    """
    if not signs or (learned > BY_HEART and STILL_LEARNING not in signs):
        return []
    enough = steps >= usual
    lost = bool({HARDLY_LEARNED, NO_BETTER, BEHIND_HEAD} & set(signs))
    if enough and lost:
        wider = {*rates, *(float(f"{r * by:.1g}") for r in rates for by in (1 / 3, 3))}
        return [rates_setting(f"{_SECTION[arm]}.learning_rates", wider)]
    key = "head_only.epochs" if arm == HEAD_ONLY else "train.epochs"
    return [f"{key}={epochs_wanted(epochs, steps, usual)}"]


def rates_setting(key: str, rates: Collection[float]) -> str:
    """Write a list of learning rates, ascending, as `dvc exp run -S` takes it."""
    return f"'{key}=[{','.join(f'{rate:g}' for rate in sorted(rates))}]'"
