"""How long a classification takes: the base model, LoRA beside it, and LoRA merged into it.

All models are transformers' own modules, as a user of an adapter has them, and share the base's
weights in memory; only what merging changes is held apart. They stand in one process and take turns
on each batch, in an order drawn anew for each, so that a slow moment hits them all and nobody
always finds the weights that another has just read.

The base takes part twice. Its double holds copies of the same weights that merging changes, so that
it differs from the merged model in these numbers alone; how far it seems from the base is what this
measurement cannot tell from nothing.
"""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from lora.adapter import Adapter, attach
from lora.merge import merge_and_eject
from study.analyses.cost.intervals import Floats
from study.batches.collating import Inputs

BASE, DOUBLE = "base", "base again"
LEAST, MOST = 4, 20  # calls of each model in a repeat, where there are so many batches
_WARMUP = 3  # calls of each model before


def unmerged(rank: int) -> str:
    """Return the name of the model with an adapter of this rank beside the base."""
    return f"unmerged, rank {rank}"


def merged(rank: int) -> str:
    """Return the name of the model with an adapter of this rank merged into the base."""
    return f"merged, rank {rank}"


def variants(
    base: PreTrainedModel, adapters: Mapping[int, Adapter], to_merge: Sequence[int]
) -> dict[str, PreTrainedModel]:
    """Return the models to time by name; all share the base's weights and head.

    Args:
        base: the plain classifier. Its head becomes the adapters'; which head it is takes no time.
        adapters: by rank.
        to_merge: of these ranks, those whose merged model is timed too. Whatever the rank was it
            has the base's modules and shapes, and other numbers in them.
    """
    models = {BASE: base}
    changed = {f"{name}.weight" for name in adapters[to_merge[0]].factors}
    models[DOUBLE] = _sharing(base, changed)
    for rank in to_merge:
        models[merged(rank)] = _sharing(base, changed)
        attach(models[merged(rank)], adapters[rank])
        merge_and_eject(models[merged(rank)])
    for rank, adapter in adapters.items():
        models[unmerged(rank)] = _sharing(base, set())
        attach(models[unmerged(rank)], adapter)
    return models


def _sharing(model: PreTrainedModel, own: set[str]) -> PreTrainedModel:
    """Copy a model's modules, but no parameters except those named `own`."""
    shared = {id(p): p for name, p in model.named_parameters() if name not in own}
    copied: PreTrainedModel = copy.deepcopy(model, memo=dict(shared))
    return copied


@dataclass(frozen=True)
class Timings:
    """Seconds of every call.

    Attributes:
        seconds: (calls,) by model.
        repeat: which repeat each call was in, (calls,).
        sentences: of each call, (calls,).
    """

    seconds: dict[str, Floats]
    repeat: Floats
    sentences: Floats

    def per_sentence(self, name: str) -> Floats:
        """Return seconds a sentence in each repeat, (repeats,)."""
        return self._sums(self.seconds[name]) / self._sums(self.sentences)

    def ratios(self, name: str, base: str = BASE) -> Floats:
        """Return a model's time as a multiple of the base's in each repeat, (repeats,)."""
        return self._sums(self.seconds[name]) / self._sums(self.seconds[base])

    def _sums(self, of_calls: Floats) -> Floats:
        return np.bincount(self.repeat.astype(int), weights=of_calls).astype(np.float64)


@torch.inference_mode()
def time_calls(
    models: Mapping[str, PreTrainedModel],
    batches: Sequence[Inputs],
    repeats: int,
    synchronize: Callable[[], None],
) -> Timings:
    """Time every model on every batch of each repeat.

    Args:
        batches: on the models' device.
        repeats: of which each takes its share of the batches, `LEAST` to `MOST` of them.
        synchronize: waits until a device has done what it was given.
    """
    names = list(models)
    order = np.random.default_rng(0)
    for name in names:
        for call in range(_WARMUP):
            models[name](**batches[call % len(batches)])
    seconds: dict[str, list[float]] = {name: [] for name in names}
    repeat, sentences = [], []
    with _no_collection():
        for number, turn in enumerate(shares(len(batches), repeats)):
            for batch in (batches[place] for place in turn):
                repeat.append(number)
                sentences.append(len(batch["input_ids"]))
                for place in order.permutation(len(names)):
                    model = models[names[place]]
                    synchronize()
                    began = time.perf_counter()
                    model(**batch)
                    synchronize()
                    seconds[names[place]].append(time.perf_counter() - began)
    return Timings(
        {name: np.array(of) for name, of in seconds.items()},
        np.array(repeat, dtype=np.float64),
        np.array(sentences, dtype=np.float64),
    )


def shares(batches: int, repeats: int) -> list[list[int]]:
    """Return which batches each repeat takes: always the next ones, round and round."""
    size = min(batches, max(LEAST, min(-(-batches // repeats), MOST)))
    return [[(size * repeat + i) % batches for i in range(size)] for repeat in range(repeats)]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collection out of what is timed."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
