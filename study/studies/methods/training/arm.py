"""A method trained by the study's own trainer, one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from transformers import PreTrainedModel

from study.arms.arm import Size
from study.batches import streams
from study.batches.feeds import TokenFeed
from study.models.dropout import no_dropout
from study.models.offload import place
from study.models.packed import parameter_count
from study.records.prepared import Prepared
from study.settings.train import TrainSettings
from study.studies.methods.training.choose import choose
from study.studies.methods.training.method import Method
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult, train
from study.training.machine import compute_dtype, training_device
from study.training.optimizer import FlatParameters
from study.training.progress import Progress

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


@dataclass(frozen=True, eq=False)
class MethodArm(Arm):
    """A method that is not LoRA, as work for an executor."""

    settings: MethodsStudy
    name: str

    @cached_property
    def method(self) -> Method:
        """The method that the settings describe."""
        return choose(self.name, self.settings.methods)

    @cached_property
    def model(self) -> PreTrainedModel:
        """The frozen base, ready for the method."""
        model = self.load(compute_dtype(self.settings.train))
        self.method.prepare(model, self.data.max_length)
        return model

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        settings = self.settings.train
        used = training_device(settings)
        given = (self.model, self.method, runs, self.data, settings, used, progress)
        return train_method(*given, part=part)


def train_method(
    model: PreTrainedModel,
    method: Method,
    runs: Sequence[Run],
    data: Prepared,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
    *,
    part: Part = WHOLE,
) -> list[RunResult]:
    """Train what a method puts into a model, and the head.

    Args:
        model: ready for the method; as before afterwards, on the device, with another head.
        runs: exactly one.
        part: of the steps; see `study.training.loop.train`.
    """
    (run,) = runs
    generator = streams.generator(run.seed, "method")
    classifier, names = method.classifier(model, run.seed, generator)
    try:
        place(classifier, device, offload=settings.offload_frozen, trained=names)
        every = dict(classifier.named_parameters())
        heads = set(classifier.head_names)
        parameters = FlatParameters(
            {name: every[name] for name in (*names, *classifier.head_names)},
            1,
            compute_dtype(settings),
            has_run_axis=heads.__contains__,
            keep_fp32=lambda name: name in heads or method.keep_fp32(name),
        )
        feed = TokenFeed(data, settings.batch_size, device, pooled=no_dropout(model))
        epochs = settings.epochs_of(len(data.train), data.num_labels)
        return train(classifier, parameters, runs, feed, settings, epochs, progress, part=part)
    finally:
        method.eject(model)


def size(model: PreTrainedModel, method: Method) -> Size:
    """Count what one run trains: the head, what the method adds, and what of the base's own."""
    total = parameter_count(model)
    own = {f"model.{name}" for name, _ in model.named_parameters()}
    classifier, names = method.classifier(model, 0, torch.Generator())
    try:
        every = dict(classifier.named_parameters())
        head = sum(every[name].numel() for name in classifier.head_names)
        added = sum(every[name].numel() for name in names if name not in own)
        trained = sum(every[name].numel() for name in names)
    finally:
        method.eject(model)
    return Size(head=head, adapter=added, trainable=head + trained, total=total)
