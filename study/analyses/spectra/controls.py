"""How alike seeds' strongest directions are, with the task's labels and with shuffled ones.

Runs begin at the same weights and see the same sentences, so that they share directions even where
the labels mean nothing. Only what they share beyond that says something of the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from torch import Tensor

from lora.spectra import SVD
from study.analyses.spectra.decomposed import Decomposed
from study.analyses.spectra.updates import full_svd
from study.records.arm_names import FULL

Alike = dict[int, list[float]]
"""By seed, phi(1, 1) of its strongest direction with every other seed's, a number a comparison."""


class SharedBySeeds:
    """Gathers the comparison matrix by matrix.

    Args:
        shuffled: seed, then module: the update (out, in) of full fine-tuning on shuffled labels.
    """

    def __init__(self, shuffled: Mapping[int, Mapping[str, Tensor]]) -> None:
        self._shuffled = shuffled
        self._task: Alike = {seed: [] for seed in shuffled}
        self._control: Alike = {seed: [] for seed in shuffled}

    def add(self, of: Decomposed) -> None:
        """Compare the updates of one matrix."""
        task = of.updates[FULL, None]
        control = {
            seed: full_svd(by_module[of.matrix.module])
            for seed, by_module in self._shuffled.items()
        }
        _compare({seed: task[seed] for seed in control}, self._task)
        _compare(control, self._control)

    def record(self) -> dict[str, list[float]]:
        """Return `task` and `shuffled`: a seed a number, its mean over all comparisons."""
        return {"task": _means(self._task), "shuffled": _means(self._control)}


def _compare(svds: Mapping[int, SVD], found: Alike) -> None:
    for seed, other in permutations(svds, 2):
        one, two = svds[seed], svds[other]
        found[seed] += [float((one.U[:, 0] @ two.U[:, 0]).square())]
        found[seed] += [float((one.Vh[0] @ two.Vh[0]).square())]


def _means(found: Mapping[int, Sequence[float]]) -> list[float]:
    return [float(np.mean(found[seed])) for seed in sorted(found)]
