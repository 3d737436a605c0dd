"""Where an arm's groups of runs train: in this process, or shared out over a Ray cluster.

What a group learns depends on the group alone, so every executor gives the same results, in
whichever order the groups end. `train.executor` names one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers import PreTrainedModel

from study.entry.errors import StudyError
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.training.loop import WHOLE, Part, Run, RunResult, TrainGroup
from study.training.machine import device
from study.training.progress import Progress

if TYPE_CHECKING:
    from study.settings.sweep import SweepSettings


@dataclass(frozen=True, eq=False)
class Arm(ABC):
    """Trains groups of runs of one arm, in the process that has it; one can be sent to another.

    Its fields travel. What an arm loads or computes for itself, in cached properties, does not: it
    is made when first needed, once in each process.
    """

    settings: SweepSettings
    data: Prepared

    @abstractmethod
    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        """Train runs together, or a part of their steps; return one result a run, in order."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is cached."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def load(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load the settings' model with a head for the data's classes."""
        model = self.settings.model
        return load_for(self.data, model.name, dtype, model.dropout, device(self.settings.train))


class Executor(Protocol):
    """Trains an arm's groups of runs."""

    def train(
        self,
        train_group: TrainGroup,
        groups: Sequence[Sequence[Run]],
        progress: Progress,
        parts: Iterable[Part] = repeat(WHOLE),
    ) -> Iterator[tuple[int, list[RunResult]]]:
        """Yield each group's place in `groups` and its results, as soon as it has trained.

        Args:
            train_group: an `Arm`; any function of its form serves the local executor.
            parts: of each group's steps; taken one by one, as what a paused group holds is large.
        """
        ...


class LocalExecutor:
    """Trains one group after the other in this process."""

    def train(
        self,
        train_group: TrainGroup,
        groups: Sequence[Sequence[Run]],
        progress: Progress,
        parts: Iterable[Part] = repeat(WHOLE),
    ) -> Iterator[tuple[int, list[RunResult]]]:
        """Train each group in turn; see `Executor`."""
        for i, (group, part) in enumerate(zip(groups, parts, strict=False)):
            yield i, train_group(group, progress, part)


def choose(settings: SweepSettings) -> Executor:
    """Return the executor that `train.executor` names. Nothing is started or joined yet.

    Raises:
        StudyError: Ray is asked for where it is not installed.
    """
    if settings.train.executor == "local":
        return LocalExecutor()
    try:
        from study.training.ray_executor import RayExecutor  # Ray is an optional extra
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise StudyError(
            "train.executor: ray, but the package ray is not installed here; allowed: ray after "
            "pip install '.[ray]', or local"
        ) from error
    return RayExecutor(**asdict(settings.ray))
