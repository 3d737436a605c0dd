"""A method that is not LoRA: every seed and learning rate trained, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from study.arms import arm as arms
from study.arms import early_exit
from study.entry.errors import StudyError
from study.models.packed import PackedClassifier
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.studies.methods.training import arm as method_arm
from study.studies.methods.training.arm import MethodArm
from study.studies.methods.training.choose import rates
from study.studies.methods.training.method import Method, State
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.loop import RunResult

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy

TENSORS = "trained.safetensors"


@dataclass(frozen=True)
class TrainedMethod:
    """What training a method gave.

    Attributes:
        record: of all runs.
        picked: the results at the learning rate that validation picked, in order of seed.
        checkpoints: to be discarded once the results are written.
    """

    record: ArmRecord
    picked: list[RunResult]
    checkpoints: Checkpoints

    def save(self, folder: Path) -> None:
        """Write what each seed trained, fp32, under s{seed}/."""
        for result in self.picked:
            save_state(result.state, folder / f"s{result.run.seed}")


def train_named(settings: MethodsStudy, data: Prepared, name: str) -> TrainedMethod:
    """Train a method at every learning rate of its own, and every seed.

    Raises:
        NotApplicable: the method has no place in the settings' model.
        StudyError: the executor is not to be had, or a run's loss was not finite.
    """
    executor = executors.choose(settings)
    arm = MethodArm(settings, data, name)
    size = method_arm.size(arm.model, arm.method)
    own = getattr(settings.methods, name)
    groups = arms.plan(name, None, rates(name, settings.methods), settings.seeds, 1)
    decisive = (settings.model.name, settings.model.dropout, settings.train.decisive(), own)
    checkpoints = Checkpoints(f"method-{name}", decisive, data)
    rung = early_exit.of(settings.train, data)
    results = arms.train_groups(name, groups, arm, checkpoints, executor, rung)
    record = arms.record(results, data, size, rung)
    return TrainedMethod(record, arms.picked(results, record), checkpoints)


def save_state(state: State, folder: Path) -> None:
    """Write the tensors that one run trained."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
    save_file(tensors, folder / TENSORS, metadata={"format": "pt"})


def read_state(folder: Path) -> dict[str, Tensor]:
    """Read what `save_state` wrote.

    Raises:
        StudyError: it is not there.
    """
    path = folder / TENSORS
    if not path.is_file():
        raise StudyError(f"{path}: no such file; run `dvc repro methods/dvc.yaml`")
    return load_file(path)


@torch.no_grad()
def with_state(
    model: PreTrainedModel, method: Method, state: Mapping[str, Tensor]
) -> PackedClassifier:
    """Put a method and what one run trained into a model that is ready for it.

    Returns:
        A classifier of one run; without the method again after `method.eject(model)`.
    """
    classifier, names = method.classifier(model, 0, torch.Generator())
    every = dict(classifier.named_parameters())
    assert set(state) == {*names, *classifier.head_names}
    for name, tensor in state.items():
        every[name].copy_(tensor.view(every[name].shape))
    return classifier
