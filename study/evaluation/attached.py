"""Adapters from disk, on a frozen base: several of them at once, one a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import Adapter, set_run
from lora.inject import adapted_modules, adapter_parameters, eject
from study.arms.lora import adapt, is_magnitude
from study.entry.errors import StudyError
from study.models.packed import PackedClassifier
from study.settings.train import TrainSettings
from study.training.machine import compute_dtype, device
from study.training.optimizer import FlatParameters


def read_adapter(rank: int, seed: int, folder: Path) -> Adapter:
    """Read what the sweep saved of one run.

    Raises:
        StudyError: it is not there or is none.
    """
    return read_saved(folder / f"r{rank}" / f"s{seed}", f"dvc repro lora@{rank}")


def read_saved(path: Path, command: str) -> Adapter:
    """Read an adapter that `command` writes.

    Raises:
        StudyError: it is not there or is none.
    """
    try:
        return peft_format.load(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise StudyError(f"{error}; run `{command}`") from error


def _require_fit(
    adapters: Sequence[Adapter], model: PreTrainedModel, heads: Mapping[str, Tensor]
) -> None:
    """Refuse adapters of other modules, sizes or heads than the model has.

    Args:
        heads: of the model, (runs, ...), by their names in it behind "model.".

    Raises:
        StudyError: naming one module or parameter that does not fit.
    """
    layers = adapted_modules(model)
    wanted = {name: (layer.in_features, layer.out_features) for name, layer in layers.items()}
    head = {name.removeprefix("model."): tuple(x.shape[1:]) for name, x in heads.items()}
    for adapter in adapters:
        own = {name: (A.shape[1], len(B)) for name, (A, B) in adapter.factors.items()}
        own_head = {name: tuple(x.shape) for name, x in adapter.head.items() if name in head}
        for has, needs in ((own, wanted), (own_head, head)):
            for name in sorted(has.keys() | needs.keys()):
                if has.get(name) != needs.get(name):
                    raise StudyError(
                        f"{name}: {has.get(name, 'none')} in an adapter of rank "
                        f"{adapter.config.rank}, {needs.get(name, 'none')} in the model; run "
                        "`dvc repro lora`"
                    )


@contextmanager
def attached(
    model: PreTrainedModel, adapters: Sequence[Adapter], settings: TrainSettings
) -> Iterator[tuple[PackedClassifier, FlatParameters]]:
    """Attach adapters, one a run, that share the passes over the frozen base.

    They compute as in training: not merged.

    Args:
        model: as before afterwards, on the device, with another head.
        adapters: of the same modules, each with its head; ranks may differ.

    Yields:
        the classifier and its trained tensors, for `study.training.loop.predict`.

    Raises:
        StudyError: they do not fit the model.
    """
    seeds = [0] * len(adapters)
    classifier = PackedClassifier(model, seeds)
    adapt(model, [adapter.config for adapter in adapters], seeds)
    try:
        with torch.no_grad():
            every = dict(classifier.named_parameters())
            _require_fit(adapters, model, {name: every[name] for name in classifier.head_names})
            for name, layer in adapted_modules(model).items():
                for run, adapter in enumerate(adapters):
                    magnitude = adapter.magnitudes.get(name)
                    set_run(layer, run, *adapter.factors[name], magnitude)
            classifier.to(device(settings))
            every = dict(classifier.named_parameters())
            heads = {name: every[name] for name in classifier.head_names}
            for name, tensor in heads.items():
                for run, adapter in enumerate(adapters):
                    tensor[run] = adapter.head[name.removeprefix("model.")]
        yield (
            classifier,
            FlatParameters(
                {f"model.{name}": p for name, p in adapter_parameters(model).items()} | heads,
                len(adapters),
                compute_dtype(settings),
                has_run_axis=lambda _: True,
                keep_fp32=lambda name: name in heads or is_magnitude(name),
            ),
        )
    finally:
        eject(model)
