"""Trains runs of several seeds, learning rates and ranks in one pass, as many as fit."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import PreTrainedModel

from benchmarks.data import first
from benchmarks.settled import rates_of_lora
from benchmarks.together.timer import Chunks, Cost, StepTimer
from study.arms import lora as lora_arm
from study.entry.errors import StudyError
from study.models.packed import load_for
from study.records.prepared import Prepared
from study.settings.whole import Settings
from study.training.loop import Run
from study.training.machine import compute_dtype


def first_runs(settings: Settings, count: int) -> list[Run]:
    """Return `count` runs: ranks within learning rates within seeds, more seeds as they are needed.

    The largest rank is first, so that any number of runs is padded to the same one.
    """
    lora = settings.lora
    own = settings.seeds
    seeds = itertools.chain(own, (s for s in itertools.count() if s not in own))
    ranks = sorted({*lora.ranks, lora.rank}, reverse=True)
    every = (
        Run("lora", rank, rate, seed)
        for seed in seeds
        for rate in rates_of_lora(settings)
        for rank in ranks
    )
    return list(itertools.islice(every, count))


def measure(
    model: PreTrainedModel,
    settings: Settings,
    data: Prepared,
    count: int,
    chunks: Chunks,
    device: torch.device,
) -> Cost | None:
    """Train `count` runs together for one short epoch; None: they do not fit in memory.

    Args:
        data: with at least `chunks.total` whole minibatches to train on.
    """
    runs = first_runs(settings, count)
    lora, name = settings.lora, settings.model.name
    configs = [lora_arm.config_of(lora, run.rank or 0, name) for run in runs]
    sentences = chunks.total * settings.train.batch_size
    data = replace(data, train=first(data.train, sentences))
    short = replace(settings.train, epochs=1)
    timer = StepTimer(chunks, device)
    gpu = device.type == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    fits = True
    try:
        lora_arm.train_lora(model, configs, runs, data, short, device, timer)
    except torch.OutOfMemoryError:
        fits = False
    peak = torch.cuda.max_memory_allocated(device) if gpu else None
    timer.close()
    gc.collect()  # outside of the except block, whose traceback holds the step's tensors
    if gpu:
        torch.cuda.empty_cache()
    return timer.cost(peak) if fits else None


def ladder(
    settings: Settings, data: Prepared, counts: Sequence[int], chunks: Chunks, used: torch.device
) -> dict[int, Cost]:
    """Train more and more runs together until they do not fit in memory.

    Returns:
        What each number of runs takes, as far as it went.

    Raises:
        StudyError: not even the first fits.
    """
    name, train = settings.model.name, settings.train
    dtype = compute_dtype(train)
    model = load_for(data, name, dtype, settings.model.dropout)
    costs: dict[int, Cost] = {}
    for count in counts:
        print(f"measuring: {count} runs together", flush=True)
        cost = measure(model, settings, data, count, chunks, used)
        if cost is None:
            break
        costs[count] = cost
    if not costs:
        raise StudyError("train.batch_size: not even one run fits in the memory of this device")
    return costs
