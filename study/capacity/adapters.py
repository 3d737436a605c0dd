"""The largest LoRA of the sweep, cut down to smaller ranks in the modules that it adapts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import Adapter
from lora.inject import adapted_modules, adapter_parameters, eject
from lora.spectra import svd_of_product, truncate
from study.environment import compute_dtype, device
from study.errors import StudyError
from study.feeds import TokenFeed
from study.lora_arm import adapt
from study.models import PackedClassifier
from study.optimizer import FlatParameters
from study.prepared import Prepared
from study.settings import TrainSettings
from study.training import predict


def read_adapter(rank: int, seed: int, folder: Path) -> Adapter:
    """Read what the sweep saved of one run.

    Raises:
        StudyError: it is not there or is none.
    """
    path = folder / f"r{rank}" / f"s{seed}"
    try:
        return peft_format.load(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise StudyError(f"{error}; run `dvc repro lora@{rank}`") from error


def truncated_adapter(adapter: Adapter, rank: int) -> Adapter:
    """Return the adapter whose every update is the nearest of this rank; its scaling is 1.

    At the adapter's own rank it is returned as it is.
    """
    if rank == adapter.config.rank:
        return adapter
    factors = {
        name: truncate(svd_of_product(A, B, adapter.config.scaling_of(name)), rank)
        for name, (A, B) in adapter.factors.items()
    }
    config = replace(adapter.config, rank=rank, alpha=float(rank), use_rslora=False)
    single = {name: (A.float(), B.float()) for name, (A, B) in factors.items()}
    return replace(adapter, config=config, factors=single)


@torch.no_grad()
def adapter_predictions(
    model: PreTrainedModel, adapters: Sequence[Adapter], data: Prepared, settings: TrainSettings
) -> Tensor:
    """Return the predicted class of every test sentence, (len(adapters), n) int64.

    The adapters share the passes over the frozen base, and compute as in training: not merged.

    Args:
        model: as before afterwards, on the device, with another head.
        adapters: of the same modules.

    Raises:
        StudyError: they do not fit the model.
    """
    seeds = [0] * len(adapters)
    classifier = PackedClassifier(model, seeds)
    adapt(model, [adapter.config for adapter in adapters], seeds)
    try:
        for name, layer in adapted_modules(model).items():
            for run, adapter in enumerate(adapters):
                A, B = adapter.factors[name]
                layer.lora_A[run].zero_()[: len(A)] = A
                layer.lora_B[run].zero_()[:, : len(A)] = B
        used = device(settings)
        classifier.to(used)
        every = dict(classifier.named_parameters())
        heads = {name: every[name] for name in classifier.head_names}
        for name, tensor in heads.items():
            for run, adapter in enumerate(adapters):
                tensor[run] = adapter.head[name.removeprefix("model.")]
        parameters = FlatParameters(
            {f"model.{name}": p for name, p in adapter_parameters(model).items()} | heads,
            len(adapters),
            compute_dtype(settings),
            has_run_axis=lambda _: True,
            keep_fp32=heads.__contains__,
        )
        feed = TokenFeed(data, 1, used)  # nothing is trained
        return predict(classifier, parameters, feed, "test").argmax(dim=-1)
    finally:
        eject(model)
