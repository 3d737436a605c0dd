"""What the claims are tested on: the study's records, and the comparisons they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study.claims.verdicts import CannotTell, Estimate, Numbers, Verdict
from study.errors import StudyError
from study.records import ArmRecord, read_json
from study.results import Sweep, read_sweep, scores
from study.settings import Settings
from study.sufficiency.crossed import crossed
from study.words import listed

Record = Mapping[str, Any]
Test = Callable[["Study"], Verdict]


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        confidence: of intervals; margins: in points, set beforehand.
        scaling: of alpha with the rank, as in the settings.
        results: of every arm; the records are those of metrics/, by their file's name.
    """

    confidence: float
    margins: tuple[float, ...]
    scaling: str
    results: Sweep
    theory_bound: Record
    theory: Record
    sufficient_rank: Record
    capacity: Record
    spectra: Record
    learning_rate: Record
    cost: Record

    @property
    def alpha(self) -> float:
        """The error rate of an interval's two sides together."""
        return round(1 - self.confidence, 12)

    @property
    def similar(self) -> float:
        """Points within which accuracies count as alike: the middle one of the margins."""
        return sorted(self.margins)[(len(self.margins) - 1) // 2]

    @property
    def large(self) -> float:
        """Points beyond which a difference is a large one: the widest of the margins."""
        return max(self.margins)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The sweep's, ascending."""
        return tuple(self.results.lora)

    @property
    def head_only(self) -> ArmRecord:
        return self.results.head_only

    @property
    def full(self) -> ArmRecord:
        return self.results.full

    def lora(self, rank: int) -> ArmRecord:
        """Return a rank of the sweep.

        Raises:
            CannotTell: the sweep has no such rank.
        """
        if rank not in self.results.lora:
            raise CannotTell(f"the sweep has no rank {rank}: it has {listed(self.ranks)}")
        return self.results.lora[rank]

    def several_ranks(self) -> tuple[int, ...]:
        """Return the sweep's ranks.

        Raises:
            CannotTell: there is only one.
        """
        if len(self.ranks) < 2:
            raise CannotTell(f"the sweep has one rank, {self.ranks[0]}: nothing to compare it with")
        return self.ranks

    def mix(self, *parts: tuple[float, ArmRecord]) -> Estimate:
        """Return a sum of test accuracies times factors, in points, paired.

        Its interval is over seeds and test sentences crossed (`study.sufficiency.crossed`); with
        one seed over sentences alone.
        """
        found = crossed(np.sum([factor * scores(arm) for factor, arm in parts], axis=0))
        over = "seeds and test sentences" if found.num_seeds > 1 else "test sentences of one seed"
        return Estimate(
            100 * float(found.mean[0]), lambda tail: 100 * float(found.half_width(tail)[0]), over
        )

    def gain(self, first: ArmRecord, over: ArmRecord) -> Estimate:
        """Return the test accuracy of the first less the other's, in points."""
        return self.mix((1.0, first), (-1.0, over))

    def numbers(self, estimate: Estimate, name: str) -> Numbers:
        """Return an estimate with its interval of the study's confidence."""
        return estimate.numbers(name, self.alpha)

    def largest(self, estimates: Mapping[Any, Estimate], name: str) -> Numbers:
        """Return the largest of estimates by rank, or by (rank, rank it is over), and which it is.

        Its interval is its own: it takes no account of there being others.
        """
        key = max(estimates, key=lambda key: estimates[key].value)
        whose = f"rank {key[0]} over {key[1]}" if isinstance(key, tuple) else f"rank {key}"
        return {"largest": whose} | self.numbers(estimates[key], name)


RECORDS = (
    "theory_bound",
    "theory",
    "sufficient_rank",
    "capacity",
    "spectra",
    "learning_rate",
    "cost",
)
"""The files of metrics/ that are read beside the runs."""


def read_study(settings: Settings, folder: str | Path = "metrics") -> Study:
    """Read what the claims are tested on.

    Raises:
        StudyError: a record is missing or no JSON file, or as `read_sweep`.
    """
    return Study(
        settings.statistics.confidence,
        settings.statistics.margins,
        settings.lora.scaling,
        read_sweep(settings, folder),
        **{name: read_json(Path(folder) / f"{name}.json") for name in RECORDS},
    )


def part(record: Record, file: str, *keys: str) -> Any:
    """Return what stands under these keys, one within the other.

    Raises:
        CannotTell: there stands nothing but a reason why the study cannot tell.
        StudyError: a key is not there; names the file and the keys.
    """
    value: Any = record
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise StudyError(f"metrics/{file}.json: no {'.'.join(keys)}")
        value = value[key]
        if isinstance(value, Mapping) and set(value) == {"reason"}:
            raise CannotTell(str(value["reason"]))
    return value


def rank_words(ranks: Sequence[int]) -> str:
    """Write ranks as words: rank 8; ranks 16 and 32."""
    return f"rank{'s' * (len(ranks) > 1)} {listed(ranks)}"
