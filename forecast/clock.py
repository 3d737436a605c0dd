"""Times what the trainer does, step by step, and how much of it was waiting for a busy machine.

On the CPU the thread that drives training waits for nothing but the other threads of its own
products, which are done when it is. So what it computed itself, its CPU time, is what the same
takes on a machine that does nothing else. A GPU works while that thread waits: there the clock on
the wall is all there is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from study.training.progress import Progress


@dataclass(frozen=True)
class Span:
    """How long something took, seconds.

    Attributes:
        wall: by the clock.
        alone: without what else the machine does.
    """

    wall: float
    alone: float

    def __add__(self, other: Span) -> Span:
        return Span(self.wall + other.wall, self.alone + other.alone)

    def __sub__(self, other: Span) -> Span:
        return Span(self.wall - other.wall, self.alone - other.alone)

    def __mul__(self, factor: float) -> Span:
        return Span(self.wall * factor, self.alone * factor)


NOTHING = Span(0.0, 0.0)


def now(gpu: bool = False) -> Span:
    """Return the time since some moment; the difference of two is what passed between."""
    wall = time.perf_counter()
    return Span(wall, wall if gpu else time.thread_time())


class Clock(Progress):
    """Follows one group of runs as `study.training.loop.train` reports it.

    Attributes:
        begun: when the group was handed over.
        started: when its first step was about to be made.
        steps: when each step was done, epoch by epoch.
        epochs: when each epoch's validation was done.
        finished: when the test sentences were done.
    """

    def __init__(self, gpu: bool = False) -> None:
        super().__init__("probe", 0)
        self._gpu = gpu
        self.begun = now(gpu)
        self.steps: list[list[Span]] = [[]]
        self.epochs: list[Span] = []

    def start(self, runs: Sequence[object], steps: int) -> None:
        self.started = now(self._gpu)

    def step(self, losses: Sequence[Tensor]) -> None:
        if self._gpu:
            losses[-1].sum().item()  # the step is done when its loss is there
        self.steps[-1].append(now(self._gpu))

    def epoch(self, epoch: int, losses: Sequence[float], scores: Sequence[float], of: str) -> None:
        self.epochs.append(now(self._gpu))
        self.steps.append([])

    def finish(self) -> None:
        self.finished = now(self._gpu)

    def each_step(self) -> list[Span]:
        """Return how long each step took, the first of an epoch from the epoch's start."""
        starts = [self.started, *self.epochs]
        return [
            after - before
            for start, done in zip(starts, self.steps, strict=False)
            for before, after in zip([start, *done], done, strict=False)
        ]

    def validations(self) -> list[Span]:
        """Return how long each epoch's validation took."""
        return [end - done[-1] for end, done in zip(self.epochs, self.steps, strict=False)]
