"""Where one training step's time goes, by kind of operation, from torch's profiler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.data import first, load_data
from benchmarks.job import Job
from benchmarks.variants import ours
from study.settings import whole as study_settings
from study.training.machine import device
from study.training.progress import Progress

# The first that matches names an operation's kind; what matches none is "other operations".
KINDS = (
    ("matrix products", r"mm\b|addmm|baddbmm|linear|matmul|mkldnn_"),
    ("gelu", r"gelu|tanh"),
    ("norms", r"layer_norm|native_norm|rms_norm"),
    ("softmax", r"softmax"),
    ("optimiser", r"adam|vector_norm"),
    (
        "copies, casts, gathers",
        r"copy|to\b|contiguous|index|gather|cat\b|clone|fill|zero|embedding",
    ),
)
ATTENTION = "attention"
OTHER = "other operations"
OUTSIDE = "outside operations"


class ProfiledProgress(Progress):
    """Profiles the steps after `warmup`, `steps` of them."""

    def __init__(self, profiler: profile, warmup: int, steps: int) -> None:
        super().__init__("profile", 1)
        self._profiler, self._first, self._last = profiler, warmup, warmup + steps
        self._count = 0

    def start(self, runs: Sequence[object], steps: int) -> None:
        """Nothing to do."""

    def step(self, losses: Sequence[Tensor]) -> None:
        """A step ended."""
        self._count += 1
        if self._count == self._first:
            self._profiler.start()
        elif self._count == self._last:
            self._profiler.stop()

    def epoch(self, epoch: int, losses: Sequence[float], scores: Sequence[float], of: str) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


def run(job: Job) -> dict[str, Any]:
    """Profile the second half of the job's sample, after the first half has warmed up."""
    settings = study_settings.load()
    used = device(settings.train)
    data = load_data(job.sentences)
    assert job.sample is not None
    split = first(data.train, job.sample * settings.train.batch_size)
    data = replace(data, train=split)
    steps = job.sample // 2
    cuda = used.type == "cuda"
    activities = [ProfilerActivity.CUDA] if cuda else []
    profiler = profile(activities=[ProfilerActivity.CPU, *activities])
    ours.train(job, settings, data, used, ProfiledProgress(profiler, job.sample - steps, steps))
    recorded: Any = profiler
    events = recorded.events() or []
    return {"profile": {"steps": steps, "ms_per_step": shares(events, steps, cuda)}}


def shares(events: Iterable[Any], steps: int, cuda: bool) -> dict[str, float]:
    """Return milliseconds a step by kind; on a GPU, of the GPU's own time.

    An operation inside attention counts as attention, whatever it is. Time in which no operation
    runs (Python, and the profiler's own) is `OUTSIDE`, on a CPU.
    """
    found: dict[str, float] = {}
    begin, end = float("inf"), 0.0
    for event in events:
        spent = event.self_device_time_total if cuda else event.self_cpu_time_total
        kind = _kind(event)
        found[kind] = found.get(kind, 0.0) + spent / 1e3 / steps
        begin, end = min(begin, event.time_range.start), max(end, event.time_range.end)
    if not cuda and found:
        found[OUTSIDE] = max(0.0, (end - begin) / 1e3 / steps - sum(found.values()))
    return {name: round(ms, 4) for name, ms in sorted(found.items(), key=lambda x: -x[1])}


def _kind(event: Any) -> str:
    name, parent = event.name, event
    while parent is not None:
        if re.search("attention", parent.name, re.IGNORECASE):
            return ATTENTION
        parent = parent.cpu_parent
    for kind, pattern in KINDS:
        if re.search(pattern, name, re.IGNORECASE):
            return kind
    return OTHER
