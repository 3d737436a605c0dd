"""The head-only arm: the encoder frozen, its features computed once, all heads trained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.arms.arm import Size
from study.batches.feeds import FeatureFeed, Feed, TokenFeed
from study.models.offload import place
from study.models.packed import PackedClassifier, parameter_count
from study.records.prepared import SPLITS, Prepared
from study.settings.train import TrainSettings
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult, train
from study.training.machine import compute_dtype, training_device
from study.training.optimizer import FlatParameters
from study.training.progress import Progress

if TYPE_CHECKING:
    from study.settings.whole import Settings


@dataclass(frozen=True, eq=False)
class HeadOnlyArm(Arm):
    """The heads, as work for an executor."""

    settings: Settings

    @cached_property
    def model(self) -> PreTrainedModel:
        """The frozen encoder."""
        return self.load(compute_dtype(self.settings.train))

    @cached_property
    def feed(self) -> Feed:
        """The sentences' features, or their tokens."""
        settings = self.settings.train
        return features(self.model, self.data, settings, training_device(settings))

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        settings, epochs = self.settings.train, self.settings.head_only.epochs
        used = training_device(settings)
        given = (self.model, runs, self.feed, settings, epochs, used, progress)
        return train_head_only(*given, part=part)


def features(
    model: PreTrainedModel, data: Prepared, settings: TrainSettings, device: torch.device
) -> Feed:
    """Feed a head the frozen encoder's hidden states, (hidden,) a sentence, in the model's dtype.

    The encoder runs once over each split, when that is first asked for. A head that reads more than
    one state of a sentence is fed the tokens: the encoder then runs in every step.
    """
    classifier = PackedClassifier(model, seeds=[0])
    place(classifier, device, offload=settings.offload_frozen)
    feed = TokenFeed(data, settings.batch_size, device)
    if not classifier.has_features:
        return feed

    @torch.no_grad()
    def encode(split: str) -> Tensor:
        training = model.training  # of the heads that train, which are in the same model
        classifier.eval()
        rows: Tensor | None = None
        for sentences, batch in feed.evaluation(split, runs=1):
            states = classifier.features(batch)[:, 0]
            if rows is None:
                rows = states.new_empty(len(feed.labels(split)), states.shape[-1])
            rows[sentences] = states
        model.train(training)
        assert rows is not None  # a split is never empty
        return rows

    labels = {split: feed.labels(split) for split in SPLITS}
    return FeatureFeed(encode, labels, settings.batch_size)


def train_head_only(
    model: PreTrainedModel,
    runs: Sequence[Run],
    feed: Feed,
    settings: TrainSettings,
    epochs: int,
    device: torch.device,
    progress: Progress,
    *,
    part: Part = WHOLE,
) -> list[RunResult]:
    """Train one head a run, all at once.

    None stops early unless the settings say after how many epochs: `TrainSettings.of_the_head`.
    """
    classifier = PackedClassifier(model, [run.seed for run in runs], head_alone=True)
    place(classifier, device, offload=settings.offload_frozen)
    every = dict(classifier.named_parameters())
    parameters = FlatParameters(
        {name: every[name] for name in classifier.head_names},
        len(runs),
        compute_dtype(settings),
        has_run_axis=lambda _: True,
        keep_fp32=lambda _: True,
    )
    own = settings.of_the_head()
    return train(classifier, parameters, runs, feed, own, epochs, progress, part=part)


def size(model: PreTrainedModel) -> Size:
    """Count a single run's head and the whole model."""
    classifier = PackedClassifier(model, seeds=[0])
    every = dict(classifier.named_parameters())
    head = sum(every[name].numel() for name in classifier.head_names)
    return Size(head=head, adapter=0, trainable=head, total=parameter_count(model))
