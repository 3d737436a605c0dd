"""Controls that metrics/spectra.json may hold: the same thing measured where its cause is missing.

What two runs share, or what an update amplifies, says nothing by itself: runs that learn nothing
share a good deal as well, as they begin at the same weights. So a claim that rests on it is judged
against a control, and cannot be told as long as there is none.

They stand under the key `controls`, which is optional, each under its name:

    shuffled_labels    full fine-tuning again, with the labels shuffled among the sentences: the
                       same sentences, heads and batches, and nothing to be learned, each seed's
                       kept at the epoch of its run on the task (the stage spectra takes no other).
                       `task` and `shuffled`, a number a seed each, of the same seeds in the same
                       order: the mean over matrices, inputs and outputs, of how alike the strongest
                       direction of that seed's update is to every other seed's of the same labels,
                       phi(1, 1) in `study.analyses.spectra.similarity`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.claims.estimates import Estimate, over_seeds
from study.claims.evidence import Study
from study.claims.verdicts import CannotTell

SHUFFLED = "shuffled_labels"

_SEEDS = 3


def control(study: Study, name: str) -> Mapping[str, Any] | None:
    """Return the control of this name from metrics/spectra.json; None if it was not run."""
    found: Mapping[str, Any] | None = study.spectra.get("controls", {}).get(name)
    return found


def beyond(found: Mapping[str, Any]) -> Estimate:
    """Return how much more alike seeds are with the task's labels than with shuffled ones.

    Args:
        found: the control `SHUFFLED`.

    Raises:
        CannotTell: there are fewer than three seeds.
    """
    task, shuffled = (pseudo_values(found[key]) for key in ("task", "shuffled"))
    return over_seeds((task - shuffled).tolist(), "what seeds share")


def pseudo_values(by_seed: Sequence[float]) -> NDArray[np.float64]:
    """Return a value a seed that may be taken for independent, (num_seeds,).

    A mean over pairs of seeds is a U-statistic, in which each seed takes part often. Its jackknife
    pseudo-values (Arvesen 1969; see `study.analyses.agreement.pairs`) follow from each seed's mean
    v_s over its own pairs and the mean U of all: (2 (S - 1) v_s - S U) / (S - 2).

    Args:
        by_seed: v_s, (num_seeds,).

    Raises:
        CannotTell: there are fewer than three seeds.
    """
    values = np.asarray(by_seed, dtype=np.float64)
    seeds = len(values)
    if seeds < _SEEDS:
        raise CannotTell(
            f"how alike seeds are varies by seed, which takes at least {_SEEDS} of them to see: "
            "`dvc exp run -S 'seeds=[0,1,2]'`"
        )
    found: NDArray[np.float64] = (2 * (seeds - 1) * values - seeds * values.mean()) / (seeds - 2)
    return found
