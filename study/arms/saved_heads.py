"""Classification heads apart from their model: on disk, and put on an encoder, one a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from study.entry.errors import StudyError
from study.models.packed import PackedClassifier
from study.settings.train import TrainSettings
from study.training.loop import RunResult
from study.training.machine import compute_dtype, device
from study.training.optimizer import FlatParameters

Head = Mapping[str, Tensor]  # by the names of Hugging Face's model


def save_heads(results: Sequence[RunResult], folder: Path) -> None:
    """Write the head of each run of head-only training as s{seed}.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        head = {name.removeprefix("model."): x.contiguous() for name, x in result.state.items()}
        save_file(head, folder / f"s{result.run.seed}.safetensors")


def read_head(seed: int, folder: Path) -> dict[str, Tensor]:
    """Read what `save_heads` wrote of one seed.

    Raises:
        StudyError: it is not there, or is none.
    """
    path = folder / f"s{seed}.safetensors"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise StudyError(
            f"{path}: no head is there ({error}); run `dvc repro head_only`"
        ) from error


def with_heads(
    model: PreTrainedModel, heads: Sequence[Head], settings: TrainSettings
) -> tuple[PackedClassifier, FlatParameters]:
    """Put heads on a frozen encoder, one a run, for `study.training.loop.predict`.

    Raises:
        StudyError: a head that does not fit the model.
    """
    classifier = PackedClassifier(model, [0] * len(heads)).to(device(settings))
    every = dict(classifier.named_parameters())
    parameters = FlatParameters(
        {name: every[name] for name in classifier.head_names},
        len(heads),
        compute_dtype(settings),
        has_run_axis=lambda _: True,
        keep_fp32=lambda _: True,
    )
    for run, head in enumerate(heads):
        set_head(classifier, parameters, run, head)
    return classifier, parameters


@torch.no_grad()
def set_head(
    classifier: PackedClassifier, parameters: FlatParameters, run: int, head: Head
) -> None:
    """Give one run another head.

    Raises:
        StudyError: it does not fit the model.
    """
    own = parameters.unflatten(parameters.master[run])  # views: what is written there counts
    for name in classifier.head_names:
        tensor, plain = head.get(name.removeprefix("model.")), name.removeprefix("model.")
        if tensor is None or tensor.shape != own[name].shape:
            has = "lacks" if tensor is None else f"has it as {tuple(tensor.shape)}"
            raise StudyError(f"{plain}: {tuple(own[name].shape)} in model.name; the head {has}")
        own[name].copy_(tensor)
