"""How many parameters an adapter has: in a model, or from a configuration alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModel, PretrainedConfig

from lora.inject import adapted_modules, adapter_parameters
from lora.layer import features
from lora.targets import find_targets


@dataclass(frozen=True)
class Counts:
    """Numbers of scalars, for one run.

    Attributes:
        adapter: in A, B and DoRA's magnitudes, at the run's own rank
        head: trainable, but not of the adapter
        total: of the model without its adapter
    """

    adapter: int
    head: int
    total: int

    @property
    def trainable(self) -> int:
        """adapter + head."""
        return self.adapter + self.head


def count_parameters(model: nn.Module, run: int = 0) -> Counts:
    """Count what run number `run` trains; the padding of runs of mixed rank does not count."""
    adapter = sum(
        layer.ranks[run] * (layer.in_features + layer.lora_B.shape[1])
        + (0 if layer.lora_magnitude_vector is None else layer.out_features)
        for layer in adapted_modules(model).values()
    )
    factors = {id(parameter) for parameter in adapter_parameters(model).values()}
    rest = [p for p in model.parameters() if id(p) not in factors]
    return Counts(
        adapter=adapter,
        head=sum(p.numel() for p in rest if p.requires_grad),
        total=sum(p.numel() for p in rest),
    )


def lora_parameter_count(
    model: PretrainedConfig | nn.Module,
    target_modules: Sequence[str],
    rank: int,
    use_dora: bool = False,
) -> int:
    """rank * (in + out), with DoRA out more, summed over the targeted modules.

    Args:
        model: a transformers configuration, of which the bare model is built on the meta device
            without any memory for its weights; or a model, on the meta device or not
        target_modules: see `lora.targets`
        rank: of every module

    Raises:
        ValueError: a target that matches no module, or a rank above a module's size
    """
    if isinstance(model, PretrainedConfig):
        with torch.device("meta"):
            model = AutoModel.from_config(model)
    total = 0
    for name in find_targets(model, target_modules):
        size_in, size_out = features(model.get_submodule(name))
        if not 1 <= rank <= min(size_in, size_out):
            raise ValueError(f"rank {rank}: {name} allows 1 to {min(size_in, size_out)}")
        total += rank * (size_in + size_out) + (size_out if use_dora else 0)
    return total
