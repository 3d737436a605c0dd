"""This project's trainer, through the functions that the stages call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.clock import Channel, Clock
from benchmarks.data import first, load_data
from benchmarks.job import Job
from benchmarks.settled import rates_of_full, rates_of_lora
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.settings import whole as study_settings
from study.settings.whole import Settings
from study.training.loop import Run, RunResult
from study.training.machine import compute_dtype, device
from study.training.progress import Progress


class TimedProgress(Progress):
    """Hands the loop's turns to the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("benchmark", 1)
        self._clock = clock

    def start(self, runs: Sequence[object], steps: int) -> None:
        """A group of runs begins."""
        self._clock.begin()

    def step(self, losses: Sequence[Tensor]) -> None:
        """A step ended."""
        self._clock.step()

    def epoch(self, epoch: int, losses: Sequence[float], scores: Sequence[float], of: str) -> None:
        """An epoch and its validation ended."""
        self._clock.validated()

    def finish(self) -> None:
        """The test sentences were evaluated."""
        self._clock.tested()


def run(job: Job, channel: Channel, started: float) -> dict[str, Any]:
    """Train the job's runs; see `Clock` for the waits."""
    settings = study_settings.load()
    settings = replace(settings, train=replace(settings.train, **job.train))
    used = device(settings.train)
    synchronize = torch.cuda.synchronize if used.type == "cuda" else _nothing
    data = load_data(job.sentences)
    batch = settings.train.batch_size
    if job.sample is not None:  # sentences stand in no order, so the first are as good as any
        data = replace(data, train=first(data.train, job.sample * batch))
    steps = -(-len(data.train) // batch)
    clock = Clock(channel, started, job.warmup, steps, synchronize)
    train(job, settings, data, used, TimedProgress(clock))
    return clock.result()


def train(
    job: Job, settings: Settings, data: Prepared, used: torch.device, progress: Progress
) -> list[RunResult]:
    """Train the runs of a job as the stage of its arm does; leave an adapter if it is asked for.

    Full fine-tuning with a `sample` takes one epoch: its sentences have been cut to the sample.
    """
    dtype = torch.float32 if job.arm == "full" else compute_dtype(settings.train)
    name, dropout = settings.model.name, settings.model.dropout
    model = load_for(data, name, dtype, dropout)
    chosen = settings.train if job.sample is None else replace(settings.train, epochs=1)
    if job.arm == "full":
        from study.arms import full

        trimmed = full.trim_embedding(model, data)
        rate = rates_of_full(settings)[0]
        runs = [Run("full", None, rate, seed) for seed in job.seeds]
        return full.train_full(model, runs, trimmed, chosen, used, progress)
    if job.arm == "head_only":
        from study.arms import head_only

        feed = head_only.features(model, data, settings.train, used)
        rates, epochs = settings.head_only.learning_rates, settings.head_only.epochs
        runs = [Run("head_only", None, rate, seed) for rate in rates for seed in job.seeds]
        return head_only.train_head_only(model, runs, feed, chosen, epochs, used, progress)
    from lora import peft_format
    from study.arms import lora

    rank = settings.lora.rank
    config = lora.config_of(settings.lora, rank, name)
    rate = rates_of_lora(settings)[0]
    runs = [Run("lora", rank, rate, seed) for seed in job.seeds]
    configs = [config] * len(runs)
    results = lora.train_lora(model, configs, runs, data, chosen, used, progress)
    if job.folder is not None:
        model.to(torch.device("cpu"))
        adapter = lora.adapter_of(model, config, results[0].state)
        peft_format.save(adapter, Path(job.folder))
    return results


def _nothing() -> None:
    pass
