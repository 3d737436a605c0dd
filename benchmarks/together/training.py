"""Trains runs of several seeds, learning rates and ranks in one pass, as many as fit."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from transformers import PreTrainedModel

from benchmarks.data import first
from benchmarks.together.timer import Chunks, Cost, StepTimer
from lora.config import LoRAConfig
from lora.inject import adapter_parameters, eject, inject
from study import lora_arm, streams
from study.dropout import no_dropout, replace_dropout
from study.environment import compute_dtype
from study.errors import StudyError
from study.feeds import TokenFeed
from study.models import PackedClassifier, load_pretrained
from study.optimizer import FlatParameters
from study.prepared import Prepared
from study.progress import Progress
from study.settings import Settings, TrainSettings
from study.training import Run, RunResult, train


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
        for rate in lora.learning_rates
        for rank in ranks
    )
    return list(itertools.islice(every, count))


def train_together(
    model: PreTrainedModel,
    configs: Sequence[LoRAConfig],
    runs: Sequence[Run],
    data: Prepared,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
) -> list[RunResult]:
    """Train runs of any ranks in one pass, as `lora_arm.train_lora` does those of one rank.

    The model is as before afterwards, on the device, with another head.
    """
    seeds = [run.seed for run in runs]
    classifier = PackedClassifier(model, seeds)
    inject(model, list(configs), [streams.generator(seed, "lora_A") for seed in seeds])
    try:
        replace_dropout(model)
        classifier.to(device)
        every = dict(classifier.named_parameters())
        names = [*(f"model.{name}" for name in adapter_parameters(model)), *classifier.head_names]
        parameters = FlatParameters(
            {name: every[name] for name in names},
            len(runs),
            compute_dtype(settings),
            has_run_axis=lambda _: True,
            keep_fp32=set(classifier.head_names).__contains__,
        )
        feed = TokenFeed(data, settings.batch_size, device, pooled=no_dropout(model))
        return train(classifier, parameters, runs, feed, settings, settings.epochs, progress)
    finally:
        eject(model)


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
        train_together(model, configs, runs, data, short, device, timer)
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
    model = load_pretrained(name, data.num_labels, dtype, settings.model.dropout, data.max_length)
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
