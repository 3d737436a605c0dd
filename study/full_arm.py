"""The full fine-tuning arm: every parameter, one run at a time.

The weights of one run fill the machine by themselves, so runs do not share a pass. What is trained
is fp32 throughout; the matrices are cast to the dtype of computing once a step, while embeddings
stay fp32, because their gradients add up many rows of the same token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from study.arms import Size
from study.dropout import no_dropout
from study.environment import compute_dtype, device
from study.executors import Arm
from study.feeds import TokenFeed
from study.models import PackedClassifier, parameter_count
from study.optimizer import FlatParameters
from study.prepared import SPLITS, Prepared, Split
from study.progress import Progress
from study.settings import TrainSettings
from study.training import Run, RunResult, train


@dataclass(frozen=True, eq=False)
class FullArm(Arm):
    """Full fine-tuning, as work for an executor."""

    @cached_property
    def model(self) -> PreTrainedModel:
        """The model in fp32; training the first group trims its embedding."""
        return self.load(torch.float32)

    @cached_property
    def trimmed(self) -> Prepared:
        """The data with the ids of the trimmed embedding."""
        return trim_embedding(self.model, self.data)

    def __call__(self, runs: Sequence[Run], progress: Progress) -> list[RunResult]:
        settings = self.settings.train
        return train_full(self.model, runs, self.trimmed, settings, device(settings), progress)


def trim_embedding(model: PreTrainedModel, data: Prepared) -> Prepared:
    """Keep only the rows of the token embedding that the data uses, and renumber its ids.

    Rows of other tokens get no gradient, so that predictions are the same without them, while the
    optimiser has a third less to do on the default study. The model's own table is replaced.
    """
    splits: list[Split] = [getattr(data, name) for name in SPLITS]
    pad = torch.tensor([data.pad_token_id], dtype=torch.int32)
    used = torch.cat([pad, *(split.input_ids for split in splits)]).unique()
    old = model.get_input_embeddings()
    assert isinstance(old, nn.Embedding)
    new = nn.Embedding.from_pretrained(old.weight.detach()[used.long()].clone(), freeze=True)
    model.set_input_embeddings(new)

    def renumber(ids: Tensor) -> Tensor:
        return torch.searchsorted(used, ids).to(torch.int32)

    def trimmed(split: Split) -> Split:
        return Split(renumber(split.input_ids), split.lengths, split.labels)

    return replace(
        data,
        train=trimmed(data.train),
        validation=trimmed(data.validation),
        test=trimmed(data.test),
        pad_token_id=int(renumber(pad)),
    )


def train_full(
    model: PreTrainedModel,
    runs: Sequence[Run],
    data: Prepared,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
) -> list[RunResult]:
    """Train every parameter of the model for one run. The model's own weights do not change.

    Args:
        model: fp32.
        runs: exactly one.
    """
    (run,) = runs
    dtype = compute_dtype(settings)
    classifier = PackedClassifier(model, [run.seed]).to(device)
    heads = set(classifier.head_names)
    tables = {
        f"{name}.weight"
        for name, module in classifier.named_modules()
        if isinstance(module, nn.Embedding)
    }
    hooks = [
        module.register_forward_hook(_cast_output(dtype))
        for module in classifier.modules()
        if isinstance(module, nn.Embedding)
    ]
    parameters = FlatParameters(
        dict(classifier.named_parameters()),
        1,
        dtype,
        has_run_axis=heads.__contains__,
        keep_fp32=lambda name: name in heads or name in tables,
    )
    feed = TokenFeed(data, settings.batch_size, device, pooled=no_dropout(model))
    try:
        return train(classifier, parameters, [run], feed, settings, settings.epochs, progress)
    finally:
        for hook in hooks:
            hook.remove()


def size(model: PreTrainedModel) -> Size:
    """Count a single run's head and the whole model, all of which is trained."""
    classifier = PackedClassifier(model, seeds=[0])
    every = dict(classifier.named_parameters())
    head = sum(every[name].numel() for name in classifier.head_names)
    total = parameter_count(model)
    return Size(head=head, adapter=0, trainable=total, total=total)


def _cast_output(dtype: torch.dtype) -> Any:
    def hook(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.to(dtype)

    return hook
