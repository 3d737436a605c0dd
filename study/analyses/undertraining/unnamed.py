"""Classes that an arm never names, which accuracy hides where they are rare.

An arm may be right as often as another and never give one of the classes: whoever needs that class
is not served. It is no sign that the arm did not train, so no rank is turned down for it; it is
said. Validation sentences are looked at, never the test sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEEN = 5
"""Validation sentences of a class from which it counts that none was named so; fewer say little."""


def never_named(
    outputs: Sequence[NDArray[Any]], labels: NDArray[Any], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the classes that no seed of an arm names for any validation sentence.

    Args:
        outputs: of each seed the logits (n, num_labels), or the classes (n,).
        labels: (n,); names: of the classes, none of a regression.

    Returns:
        For each its `class`, and its `share` of the validation sentences.
    """
    if not names:
        return []
    given = {
        int(c) for seed in outputs for c in np.unique(seed.argmax(-1) if seed.ndim > 1 else seed)
    }
    counts = np.bincount(labels.astype(np.int64), minlength=len(names))
    return [
        {"class": name, "share": float(counts[place] / len(labels))}
        for place, name in enumerate(names)
        if counts[place] >= SEEN and place not in given
    ]
