"""Lets variants take turns, so that a slow minute of the machine hits all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from benchmarks.child import Child, whole
from benchmarks.job import Job


@dataclass(frozen=True)
class Measured:
    """What one variant took.

    Attributes:
        rounds: seconds a step, or seconds a process for a variant that is measured whole.
        first_step: seconds from the start of the process to the end of the first step.
        validation, test: seconds of one evaluation, None where there was none.
        peak_memory_bytes: of the process; peak_gpu_memory_bytes: of torch's tensors on the GPU.
    """

    kind: str
    arm: str
    runs: int
    rounds: tuple[float, ...]
    first_step: float
    validation: float | None
    test: float | None
    peak_memory_bytes: int
    peak_gpu_memory_bytes: int | None

    @property
    def seconds(self) -> float:
        """The median round."""
        return median(self.rounds)

    @property
    def start(self) -> float:
        """Seconds of a process before it trains."""
        return max(0.0, self.first_step - self.seconds)


class Member(Protocol):
    """What takes a turn each round."""

    def turn(self, steps: int) -> float:
        """Work for one round; return seconds a step."""

    def close(self) -> dict[str, Any]:
        """End; return the child's result."""

    def stop(self) -> None:
        """End at once."""


class Stepper:
    """A child that trains on in each turn; it starts, and warms up, when it is made."""

    def __init__(self, job: Job) -> None:
        self._child = Child(job)
        try:
            self._child.hear()
        except BaseException:
            self._child.stop()
            raise

    def turn(self, steps: int) -> float:
        """Train `steps` steps."""
        return float(self._child.run(steps)["seconds"]) / steps

    def close(self) -> dict[str, Any]:
        """Let the child train to its end."""
        return self._child.finish()

    def stop(self) -> None:
        """End the child."""
        self._child.stop()


class Whole:
    """A new child in each turn, from its start to its end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._result: dict[str, Any] = {}

    def turn(self, steps: int) -> float:
        """Run one process; the number of steps is the job's own."""
        self._result = whole(self._job)
        return float(self._result["lifetime"])

    def close(self) -> dict[str, Any]:
        """Return the last turn's result."""
        return self._result

    def stop(self) -> None:
        """Nothing is left running."""


def turns(count: int, round_: int) -> list[int]:
    """Return the order in which `count` members take turns: each round another one is first."""
    return [(place + round_) % count for place in range(count)]


def interleave(
    jobs: Mapping[str, Job], rounds: int, steps: int, peak: Child | None = None
) -> tuple[dict[str, Measured], list[dict[str, float]]]:
    """Measure variants in turns, one at work at a time.

    Args:
        jobs: by name; those without a warm-up are measured as whole processes.
        peak: a child of kind "peak" that takes a turn in each round.

    Returns:
        What each variant took, and the peaks of each round.
    """
    names = list(jobs)
    members: list[Member] = []
    taken: dict[str, list[float]] = {name: [] for name in names}
    peaks = []
    try:
        for job in jobs.values():
            members.append(Stepper(job) if job.warmup else Whole(job))
        for round_ in range(rounds):
            if peak is not None:
                peaks.append(peak.run(1)["gflops"])
            for place in turns(len(names), round_):
                taken[names[place]].append(members[place].turn(steps))
        results = [member.close() for member in members]
    finally:
        for member in members:
            member.stop()
    measured = {
        name: _measured(job, taken[name], result)
        for (name, job), result in zip(jobs.items(), results, strict=True)
    }
    return measured, peaks


def _measured(job: Job, rounds: list[float], result: Mapping[str, Any]) -> Measured:
    validations = result["validations"]
    return Measured(
        kind=job.kind,
        arm=job.arm,
        runs=len(job.seeds),
        rounds=tuple(rounds),
        first_step=result["first_step"],
        validation=median(validations) if validations else None,
        test=result["test"],
        peak_memory_bytes=result["peak_memory_bytes"],
        peak_gpu_memory_bytes=result["peak_gpu_memory_bytes"],
    )
