"""How fast each method trains: a few steps of the study's own trainer, on the same sentences.

One run trains at a time, as a user trains one task; the study itself trains several seeds of a rank
in one pass. The head-only arm works as in the study: its encoder runs once over the sentences, and
the head trains on what it gave for all its epochs; its speed is that of all this, in sentences that
the head has seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.arms import full, head_only, lora
from study.models.packed import load_for
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared
from study.training.loop import Run
from study.training.machine import compute_dtype
from study.training.progress import Progress

if TYPE_CHECKING:
    from study.settings.whole import Settings

RATE = 1e-5
"""Learning rate of all runs: what a step costs does not depend on it, and nothing is kept."""


@dataclass(frozen=True)
class Timed:
    """Seconds of the steps of one run, evaluation left out, and what they worked on."""

    seconds: float
    sentences: int
    tokens: int


class Trainer:
    """Trains one run of any arm on `cost.sentences` test sentences; loads what it needs once.

    Args:
        data: all of it: full fine-tuning keeps an embedding for every token in it, as in the study.
    """

    def __init__(self, settings: Settings, data: Prepared, used: torch.device) -> None:
        self._settings, self._whole, self._used = settings, data, used
        self._data = self._few(data)

    def train(self, arm: str, rank: int | None) -> Timed:
        """Train for an epoch, or the head alone for its own; the models stay as they were."""
        settings = replace(self._settings.train, epochs=1)
        run = Run(arm, rank, RATE, self._settings.seeds[0])
        timer = StepTimer(synchronizer(self._used))
        epochs, used = 1, self._used
        if arm == HEAD_ONLY:
            epochs = self._settings.head_only.epochs
            feed = head_only.features(self._frozen, self._data, settings, used)
            head_only.train_head_only(self._frozen, [run], feed, settings, epochs, used, timer)
        elif arm == LORA:
            assert rank is not None
            config = lora.config_of(self._settings.lora, rank, self._settings.model.name)
            lora.train_lora(self._frozen, [config], [run], self._data, settings, used, timer)
        else:
            assert arm == FULL
            model, trimmed = self._tuned
            full.train_full(model, [run], trimmed, settings, used, timer)
        lengths = self._data.train.lengths
        return Timed(timer.seconds, epochs * len(lengths), epochs * int(lengths.sum()))

    @cached_property
    def _frozen(self) -> PreTrainedModel:
        return self._load(compute_dtype(self._settings.train))

    @cached_property
    def _tuned(self) -> tuple[PreTrainedModel, Prepared]:
        model = self._load(torch.float32)
        return model, self._few(full.trim_embedding(model, self._whole))

    def _few(self, data: Prepared) -> Prepared:
        """Return the first test sentences to train on, and a batch of them to evaluate on."""
        chosen = data.test.first(self._settings.cost.sentences)
        little = chosen.first(self._settings.train.batch_size)
        return replace(data, train=chosen, validation=little, test=little)

    def _load(self, dtype: torch.dtype) -> PreTrainedModel:
        name, dropout = self._settings.model.name, self._settings.model.dropout
        return load_for(self._data, name, dtype, dropout)


class StepTimer(Progress):
    """Adds up the time of training steps, what lies between epochs left out.

    An epoch's first step lasts from the end of what came before it: fetching batches counts.
    """

    def __init__(self, synchronize: Callable[[], None]) -> None:
        super().__init__("cost", 1)
        self._synchronize = synchronize
        self._since = 0.0
        self.seconds = 0.0

    def start(self, runs: Sequence[object], steps: int) -> None:
        """A run begins."""
        self._since = self._now()

    def step(self, losses: Sequence[Tensor]) -> None:
        """A step ended."""
        now = self._now()
        self.seconds += now - self._since
        self._since = now

    def epoch(self, epoch: int, losses: Sequence[float], accuracies: Sequence[float]) -> None:
        """An epoch and its evaluation ended."""
        self._since = self._now()

    def finish(self) -> None:
        """The test sentences were evaluated."""

    def _now(self) -> float:
        self._synchronize()
        return time.perf_counter()


def synchronizer(used: torch.device) -> Callable[[], None]:
    """Return what waits until the device has done what it was given."""
    return torch.cuda.synchronize if used.type == "cuda" else _nothing


def _nothing() -> None:
    pass
