"""What a step of the training loop takes, told by the loop's own turns."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from benchmarks.together.traffic import Traffic, synchronize
from study.training.progress import Progress


@dataclass(frozen=True)
class Chunks:
    """Which steps are timed: `count` chunks of `steps` each, after `warmup` others.

    The last two steps of the warm-up are looked into, which takes time: one for the places where
    the host waits for the device, one for the bytes that its operations move.
    """

    warmup: int
    count: int
    steps: int

    @property
    def total(self) -> int:
        """All steps."""
        return self.warmup + self.count * self.steps


@dataclass(frozen=True)
class Cost:
    """What training some runs together takes.

    Attributes:
        rounds: seconds a step, of each chunk.
        validation, test: seconds of one evaluation of all runs.
        traffic: bytes a step, see `Traffic`.
        host_waits: where the host waited for the device in one step, one "file:line" a wait; None
            where the device is no GPU. What torch does not know of is missing.
        step_memory_bytes, peak_memory_bytes: most that torch's tensors held on the GPU, in the
            steps and over all; None elsewhere.
    """

    rounds: tuple[float, ...]
    validation: float
    test: float
    traffic: int
    host_waits: tuple[str, ...] | None
    step_memory_bytes: int | None
    peak_memory_bytes: int | None

    @property
    def seconds(self) -> float:
        """The median chunk's seconds a step."""
        return median(self.rounds)


class StepTimer(Progress):
    """Follows the training loop's turns with a clock; waits for the device around chunks alone."""

    def __init__(self, chunks: Chunks, device: torch.device) -> None:
        super().__init__("runs together", 1)
        self._chunks, self._device = chunks, device
        self._count = 0
        self._since = 0.0
        self._looking = ExitStack()
        self._waits: list[warnings.WarningMessage] = []
        self._traffic = Traffic(device)
        self._rounds: list[float] = []
        self._step_memory: int | None = None
        self._validation = self._test = 0.0

    def start(self, runs: Sequence[object], steps: int) -> None:
        """The first step comes next."""

    def step(self, losses: Sequence[Tensor]) -> None:
        """A step ended."""
        self._count += 1
        self._looking.close()
        left = self._chunks.warmup - self._count
        if left == 2:
            self._look_for_waits()
        elif left == 1:
            self._looking.enter_context(self._traffic)
        elif left == 0:
            self._since = self._now()
        elif left < 0 and -left % self._chunks.steps == 0:
            now = self._now()
            self._rounds.append((now - self._since) / self._chunks.steps)
            self._since = now
            if self._count == self._chunks.total and self._device.type == "cuda":
                self._step_memory = torch.cuda.max_memory_allocated(self._device)

    def epoch(self, epoch: int, losses: Sequence[float], scores: Sequence[float], of: str) -> None:
        """The validation right after the last step is over."""
        now = self._now()
        self._validation, self._since = now - self._since, now

    def finish(self) -> None:
        """The test sentences, right after the validation, were evaluated."""
        self._test = self._now() - self._since

    def close(self) -> None:
        """Stop looking into a step, if training ended within one."""
        self._looking.close()

    def cost(self, peak_memory: int | None) -> Cost:
        """Return what was found."""
        waits = None
        if self._device.type == "cuda":
            waits = tuple(f"{_short(w.filename)}:{w.lineno}" for w in self._waits)
        return Cost(
            rounds=tuple(self._rounds),
            validation=self._validation,
            test=self._test,
            traffic=self._traffic.bytes,
            host_waits=waits,
            step_memory_bytes=self._step_memory,
            peak_memory_bytes=peak_memory,
        )

    def _look_for_waits(self) -> None:
        if self._device.type != "cuda":
            return
        caught = self._looking.enter_context(warnings.catch_warnings(record=True))
        assert caught is not None
        self._waits = caught
        warnings.simplefilter("always")
        self._looking.callback(torch.cuda.set_sync_debug_mode, "default")
        torch.cuda.set_sync_debug_mode("warn")

    def _now(self) -> float:
        synchronize(self._device)
        return time.perf_counter()


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])
