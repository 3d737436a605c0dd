"""The updates that the spectra are of: full fine-tuning's and each LoRA's, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import Adapter
from lora.spectra import SVD, svd_of_product
from lora.targets import layer_index
from study.entry.errors import StudyError
from study.models.matrices import FULL, linear_modules, read_tuned, updates, weight_of

ADAPTERS = Path("data/adapters")


@dataclass(frozen=True)
class Matrix:
    """A weight matrix of the base model.

    Attributes:
        module: full name of the linear layer that holds it
        layer: index of the numbered layer that it stands in, None outside them
        kind: its name within the layer, such as "attention.self.query"
        target: whether LoRA adapts it
        first_target: whether it is the first that does
        W0: the pretrained weight (out, in), fp32
    """

    module: str
    layer: int | None
    kind: str
    target: bool
    first_target: bool
    W0: Tensor


@dataclass(frozen=True)
class Updates:
    """What every run did to the weights.

    Attributes:
        matrices: of the base model, in its order
        full: seed, then module: tuned minus pretrained (out, in), fp32
        lora: rank, then seed: the adapter
    """

    matrices: tuple[Matrix, ...]
    full: dict[int, dict[str, Tensor]]
    lora: dict[int, dict[int, Adapter]]


def read_updates(
    model: PreTrainedModel,
    ranks: Sequence[int],
    seeds: Sequence[int],
    full: Path = FULL,
    adapters: Path = ADAPTERS,
) -> Updates:
    """Read the tuned models and adapters of all seeds; ranks and seeds come out ascending.

    Args:
        model: the pretrained one, fp32

    Raises:
        StudyError: something is missing or does not fit the model; the stage to run is named.
    """
    ranks, seeds = sorted(ranks), sorted(seeds)
    by_rank = {r: {s: _read_adapter(adapters, r, s) for s in seeds} for r in ranks}
    names = linear_modules(model)
    adapted = {name for of in by_rank.values() for a in of.values() for name in a.factors}
    unknown = sorted(adapted - set(names))
    if unknown:
        raise StudyError(
            f"{adapters}: {', '.join(unknown[:4])}: not in the model; run `dvc repro lora`"
        )
    first = next(name for name in names if name in adapted)
    matrices = [
        Matrix(
            module=name,
            layer=layer_index(name),
            kind=_kind(name, model),
            target=name in adapted,
            first_target=name == first,
            W0=weight_of(module).float(),
        )
        for name, module in names.items()
    ]
    tuned = {seed: updates(read_tuned(seed, full), model) for seed in seeds}
    return Updates(tuple(matrices), tuned, by_rank)


def _read_adapter(folder: Path, rank: int, seed: int) -> Adapter:
    path = folder / f"r{rank}/s{seed}"
    try:
        return peft_format.load(path)
    except (FileNotFoundError, ValueError) as error:
        raise StudyError(f"{path}: {error}; run `dvc repro lora@{rank}`") from error


def _kind(name: str, model: PreTrainedModel) -> str:
    """The name behind the layer's number; outside the layers, behind the base model's name."""
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdecimal()]
    if numbers:
        return ".".join(parts[numbers[0] + 1 :])
    return name.removeprefix(f"{model.base_model_prefix}.")


def full_svd(update: Tensor) -> SVD:
    """The SVD of a dense update (out, in), in fp64."""
    return SVD(*torch.linalg.svd(update.double(), full_matrices=False))


def lora_svd(adapter: Adapter, module: str, W0: Tensor) -> SVD:
    """The SVD of an adapter's update of W0 (out, in), in fp64; of s B A by way of the factors.

    DoRA's update has W0's own rows in it, and is of full rank.
    """
    if adapter.config.use_dora:
        return full_svd(adapter.delta(module, W0))
    A, B = adapter.factors[module]
    return svd_of_product(A, B, adapter.config.scaling_of(module))
