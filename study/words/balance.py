"""That one class is most of the sentences, as a sentence that says what to compare arms by then."""

from __future__ import annotations

from collections.abc import Mapping

from study.metrics.measure import ACCURACY

MOST = 2 / 3
"""From this share on, accuracy says little of the other classes.

Of a file with 77 % in one of three classes, LoRA of rank 32 was right on 79 % of the test
sentences and never named the smallest class, which full fine-tuning did (docs/training.md).
"""


def balance_words(shares: Mapping[str, float], metric: str) -> str | None:
    """Say that a class is so common that accuracy hides the others; None if there is none.

    Args:
        shares: of the training sentences, by class; empty of a regression.
        metric: that arms are compared by.
    """
    if metric != ACCURACY or not shares:
        return None
    commonest = max(shares, key=lambda name: shares[name])
    if shares[commonest] < MOST:
        return None
    part = f"{shares[commonest]:.0%}".replace("%", " %")
    return (
        f"{part} of the sentences to train on are of the class {commonest!r}: accuracy says little "
        "of the others. To have every class count the same: "
        "dvc exp run -S statistics.metric=macro_f1"
    )
