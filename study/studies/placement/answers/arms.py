"""The arms that are compared: the main study's LoRA and every placement, at every rank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.sweep import merits
from study.records.runs import ArmRecord
from study.statistics.resampling import Scores

ALIKE = 1.3
"""Two arms train about as many parameters if neither trains 1.3 times the other's."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arm:
    """LoRA in one placement at one rank.

    Attributes:
        name: of the placement; "main" where the main study's LoRA is in none of them.
        label: in words, as they stand behind "LoRA in".
        main: the main study trained it.
        right: the probability of the right class (num_seeds, num_sentences)
            (`study.analyses.sufficiency.sharper`); None where there is none.
    """

    name: str
    label: str
    rank: int
    main: bool
    record: ArmRecord
    right: Floats | None = None

    @property
    def parameters(self) -> int:
        """The adapter's; the head is every arm's."""
        return self.record.adapter_parameters

    @property
    def merits(self) -> Scores:
        """Each test sentence's part in the metric, more is better, (num_seeds, num_sentences)."""
        return merits(self.record)

    @property
    def at(self) -> str:
        """The placement and the rank in words."""
        return f"{self.label} at rank {self.rank}"


@dataclass(frozen=True)
class Pair:
    """Two arms to be compared."""

    one: Arm
    other: Arm

    @property
    def ratio(self) -> float:
        """Parameters of the one over those of the other."""
        return self.one.parameters / self.other.parameters


Arms = Mapping[str, Sequence[Arm]]
"""By placement, in order of rank."""


def by_placement(arms: Iterable[Arm]) -> dict[str, list[Arm]]:
    """Group arms by placement; placements keep their order, ranks ascend."""
    found: dict[str, list[Arm]] = {}
    for arm in arms:
        found.setdefault(arm.name, []).append(arm)
    return {name: sorted(own, key=lambda arm: arm.rank) for name, own in found.items()}


def at_equal_rank(ones: Sequence[Arm], others: Sequence[Arm]) -> list[Pair]:
    """Return the pairs of the same rank."""
    of_rank = {arm.rank: arm for arm in others}
    return [Pair(arm, of_rank[arm.rank]) for arm in ones if arm.rank in of_rank]


def at_equal_parameters(ones: Sequence[Arm], others: Sequence[Arm]) -> list[Pair]:
    """Return for each arm the nearest other by parameters, if that trains about as many.

    No arm stands in two pairs: of two that have the same nearest, the nearer one is taken.
    """

    def apart(pair: Pair) -> float:
        return max(pair.ratio, 1 / pair.ratio)

    nearest = [min((Pair(one, other) for other in others), key=apart) for one in ones if others]
    found: dict[int, Pair] = {}
    for pair in sorted(nearest, key=apart):
        if apart(pair) <= ALIKE:
            found.setdefault(pair.other.rank, pair)
    return sorted(found.values(), key=lambda pair: pair.one.rank)
