"""Put adapters into a model, count what trains, and take them out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lora import pissa
from lora.config import LoRAConfig
from lora.layer import LoRALinear, features
from lora.principal import Principal
from lora.targets import find_targets

# Where an adapted model keeps its Injection. Hugging Face models own `add_adapter`,
# `load_adapter`, `set_adapter` and `peft_config`: this is none of them.
_RECORD = "_lora_injection"


@dataclass(frozen=True)
class Injection:
    """What was put into a model.

    Attributes:
        configs: one for each run
        names: of the adapted modules, in the model's order
        trainable: which parameters trained before; `eject` gives that back
    """

    configs: tuple[LoRAConfig, ...]
    names: tuple[str, ...]
    trainable: frozenset[str]


def inject(
    model: nn.Module,
    configs: LoRAConfig | Sequence[LoRAConfig],
    generators: torch.Generator | Sequence[torch.Generator],
) -> tuple[str, ...]:
    """Freeze the model and wrap the targeted linear layers in `LoRALinear`.

    Nothing is changed when an error is raised.

    Args:
        model: changed in place; its adapted parameters alone are trainable afterwards
        configs: one, or one for each run. Runs may differ in rank, alpha and their patterns, not
            in what they target, in method, dropout or columns; with PiSSA not in rank either
        generators: A's, one for each run, on the CPU; the modules draw in the model's order

    Returns:
        The names of the adapted modules, in the model's order.

    Raises:
        ValueError: a model that is adapted already; configs that differ in what runs share; and
            whatever `lora.targets.find_targets`, the layer's size and PiSSA refuse
    """
    configs = (configs,) if isinstance(configs, LoRAConfig) else tuple(configs)
    generators = (generators,) if isinstance(generators, torch.Generator) else tuple(generators)
    if not configs or len(configs) != len(generators):
        raise ValueError(f"{len(configs)} configs and {len(generators)} generators: one per run")
    if is_adapted(model):
        raise ValueError("the model has an adapter already: eject it before injecting another")
    for config in configs[1:]:
        for key in ("target_modules", "layers", "dropout", "columns", "use_dora", "init"):
            if getattr(config, key) != getattr(configs[0], key):
                raise ValueError(
                    f"{key}: runs that train together share it, got {getattr(configs[0], key)!r} "
                    f"and {getattr(config, key)!r}"
                )
    names = find_targets(model, configs[0].target_modules, configs[0].layers)
    _refuse_large_ranks(model, names, configs)
    columns = configs[0].columns
    slices = None if columns is None else [slice(start, stop) for start, stop in columns]
    layers: dict[str, LoRALinear] = {}
    principals: dict[str, Principal] = {}
    for name in names:
        try:
            layers[name] = LoRALinear(
                model.get_submodule(name),
                ranks=[config.rank_of(name) for config in configs],
                scalings=[config.scaling_of(name) for config in configs],
                generators=generators,
                dropout=configs[0].dropout,
                columns=slices,
                use_dora=configs[0].use_dora,
            )
            if configs[0].init == "pissa" and not layers[name].base.weight.is_meta:
                principals[name] = pissa.decompose(layers[name])
        except ValueError as error:
            raise ValueError(f"target {name}: {error}") from None
    trainable = frozenset(name for name, p in model.named_parameters() if p.requires_grad)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name, layer in layers.items():
        layer.train(model.get_submodule(name).training)
        model.set_submodule(name, layer)
        if name in principals:
            pissa.begin(layer, principals[name])
    setattr(model, _RECORD, Injection(configs, tuple(names), trainable))
    return tuple(names)


def eject(model: nn.Module) -> None:
    """Take the adapters out: the same module objects and weights as before `inject`.

    Weights that merging or PiSSA changed come back bit for bit; to keep a merged adapter use
    `lora.merge.merge_and_eject`. What trained before `inject` trains again.

    Raises:
        ValueError: a model without an adapter
    """
    record = injection(model)
    for name, layer in adapted_modules(model).items():
        if layer.principal is not None or layer.original_weight is not None:
            _set_weight(layer, layer.pretrained_weight())
        model.set_submodule(name, layer.base)
    delattr(model, _RECORD)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in record.trainable)


def is_adapted(model: nn.Module) -> bool:
    """Whether any part of the model is a `LoRALinear`."""
    return any(isinstance(module, LoRALinear) for module in model.modules())


def injection(model: nn.Module) -> Injection:
    """What `inject` put into the model. Raises ValueError when it put nothing."""
    record = getattr(model, _RECORD, None)
    if not isinstance(record, Injection):
        raise ValueError("the model has no adapter: inject one first")
    return record


def adapted_modules(model: nn.Module) -> dict[str, LoRALinear]:
    """The adapted layers by the name of the module they stand for, in the model's order."""
    return {n: module for n, module in model.named_modules() if isinstance(module, LoRALinear)}


def adapter_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every lora_A, lora_B and DoRA's magnitudes by its name in `model.named_parameters()`."""
    return {
        f"{name}.{own}": parameter
        for name, layer in adapted_modules(model).items()
        for own, parameter in layer.named_parameters(recurse=False)
    }


def mark_trainable(model: nn.Module, head_names: Sequence[str]) -> tuple[str, ...]:
    """Train these modules (a new head) whole, beside the adapter, in fp32.

    On a base of lower precision the head is cast up, and so is what it is called with: a bf16
    head loses small updates (peft 1249, 3668).

    Returns:
        The names of the parameters that train now on account of this call.

    Raises:
        ValueError: a name that is no module of the model, or one without parameters
    """
    marked: list[str] = []
    for name in head_names:
        module = dict(model.named_modules()).get(name)
        if module is None or not name:
            top = sorted(child for child, _ in model.named_children())
            raise ValueError(f"head {name!r} is no module of the model, which has {top}")
        own = [n for n, _ in module.named_parameters()]
        if not own:
            raise ValueError(f"head {name!r} has no parameters")
        if any(p.dtype != torch.float32 for p in module.parameters()):
            module.to(torch.float32)
            module.register_forward_pre_hook(_inputs_to_float32)
        for parameter in module.parameters():
            parameter.requires_grad_(True)
        marked.extend(f"{name}.{n}" for n in own)
    return tuple(marked)


@contextmanager
def disabled(model: nn.Module) -> Iterator[None]:
    """Within the block the model computes as its base alone does."""
    layers = list(adapted_modules(model).values())
    if any(layer.merged_run is not None for layer in layers):
        raise ValueError("the adapter is merged into the base: unmerge it before disabling it")
    before = [layer.enabled for layer in layers]
    held = [None if x.principal is None else x.base.weight.detach().clone() for x in layers]
    try:
        for layer in layers:
            layer.enabled = False
            if layer.principal is not None:
                _set_weight(layer, layer.pretrained_weight())
        yield
    finally:
        for layer, state, weight in zip(layers, before, held, strict=True):
            layer.enabled = state
            if weight is not None:
                _set_weight(layer, weight)


@torch.no_grad()
def _set_weight(layer: LoRALinear, weight: Tensor) -> None:
    layer.base.weight.copy_(weight)


def _inputs_to_float32(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.float() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args)


def _refuse_large_ranks(
    model: nn.Module, names: Sequence[str], configs: Sequence[LoRAConfig]
) -> None:
    for name in names:
        size_in, size_out = features(model.get_submodule(name))
        limit = min(size_in, size_out)
        for config in configs:
            if config.rank_of(name) > limit:
                raise ValueError(
                    f"rank {config.rank_of(name)} is above what {name} allows: it has {size_in} "
                    f"inputs and {size_out} outputs, so 1 to {limit}"
                )
