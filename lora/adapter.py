"""An adapter as a value: out of a model, into a model, and sums of adapters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from lora import dora, pissa
from lora.config import LoRAConfig
from lora.inject import (
    adapted_modules,
    adapter_parameters,
    inject,
    injection,
    is_adapted,
    mark_trainable,
)
from lora.layer import LoRALinear
from lora.targets import head_modules, peft_heads, peft_reach

Factors: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Adapter:
    """One run's adapter, apart from any model.

    Attributes:
        config: of the run
        factors: (A (r, in), B (out, r)) in fp32 by the adapted module's full name
        magnitudes: DoRA's (out,) in fp32 by the same names; empty without DoRA
        head: parameters kept beside the factors, in fp32, by their full name in the model
        fan_in_fan_out: whether the adapted modules are `Conv1D`; the factors do not depend on it

    Raises:
        ValueError: no factors at all, shapes that do not fit one another or the config's rank, or
            magnitudes where the config has none or the other way round
    """

    config: LoRAConfig
    factors: Mapping[str, Factors]
    head: Mapping[str, Tensor] = field(default_factory=dict)
    fan_in_fan_out: bool = False
    magnitudes: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.factors:
            raise ValueError("an adapter needs the factors of at least one module")
        for name, (A, B) in self.factors.items():
            rank = self.config.rank_of(name)
            if A.ndim != 2 or B.ndim != 2 or not A.shape[0] == B.shape[1] == rank:
                raise ValueError(
                    f"{name}: lora_A {tuple(A.shape)} and lora_B {tuple(B.shape)} are not "
                    f"({rank}, in) and (out, {rank}) as rank {rank} asks for"
                )
        expected = {n: (len(B),) for n, (_, B) in self.factors.items() if self.config.use_dora}
        shapes = {name: tuple(m.shape) for name, m in self.magnitudes.items()}
        if shapes != expected:
            wrong = sorted(n for n in shapes | expected if shapes.get(n) != expected.get(n))
            raise ValueError(
                f"use_dora {self.config.use_dora}: magnitudes are missing, too many or of another "
                f"shape than (out,) at {wrong}"
            )

    def delta(self, name: str, weight: Tensor | None = None) -> Tensor:
        """The update W' - W0 of a module, (out, in), in the factors' dtype.

        Args:
            name: of the module
            weight: W0 (out, in); not needed without DoRA

        Raises:
            ValueError: DoRA's update is asked for without W0
        """
        A, B = self.factors[name]
        delta = (B @ A) * self.config.scaling_of(name)
        if name not in self.magnitudes:
            return delta
        if weight is None:
            raise ValueError(f"{name}: DoRA's update depends on the base's weight: give it")
        weight = weight.to(delta)
        updated = weight + delta
        norms = torch.linalg.vector_norm(updated, dim=1)
        return dora.row_factors(self.magnitudes[name], norms)[:, None] * updated - weight


def extract(
    model: nn.Module,
    run: int = 0,
    head_names: Sequence[str] = (),
    head: Mapping[str, Tensor] | None = None,
) -> Adapter:
    """Copy one run's adapter out of a model.

    What PiSSA learned comes out as an ordinary adapter on W0, of twice the rank (`lora.pissa`).

    The modules that PEFT will take for the head go along whole, trained or not: the norm of a
    head whose linear layers were trained, and with a task type that has a head in PEFT whatever
    is named like it (a fresh `pre_classifier` is as random as a fresh `classifier`). PEFT does
    not load an adapter without them.

    Args:
        model: adapted by `lora.inject.inject`
        run: which
        head_names: modules of the model whose parameters belong to the adapter (the head)
        head: head parameters that are kept outside the model, by the name they have in it

    Raises:
        ValueError: no adapter, a run that is not there, a head name that is no module
        RuntimeError: the adapter is merged; saved now, it would be added twice (microsoft/LoRA 190)
    """
    record = injection(model)
    if not 0 <= run < len(record.configs):
        raise ValueError(f"run {run}: the adapter has runs 0 to {len(record.configs) - 1}")
    layers = adapted_modules(model)
    factors: dict[str, Factors] = {}
    magnitudes: dict[str, Tensor] = {}
    for name, layer in layers.items():
        if layer.merged_run is not None:
            raise RuntimeError(f"{name}: the adapter is merged: unmerge it before saving")
        rank = layer.ranks[run]
        factors[name] = (_copy(layer.lora_A[run, :rank]), _copy(layer.full_B()[run, :, :rank]))
        if layer.principal is not None:
            factors[name] = pissa.converted(layer.principal, *factors[name], layer.scalings[run])
        if layer.lora_magnitude_vector is not None:
            magnitudes[name] = _copy(layer.lora_magnitude_vector[run])
    tensors = dict(head or {})
    for module in head_names:
        if not module or module not in dict(model.named_modules()):
            raise ValueError(f"head {module!r} is no module of the model")
        for name, parameter in model.get_submodule(module).named_parameters():
            tensors[f"{module}.{name}"] = parameter
    whole = head_modules(tensors, layers, record.configs[run].task_type)
    for module in peft_heads(model, whole):
        for name, tensor in model.get_submodule(module).state_dict().items():
            tensors.setdefault(f"{module}.{name}", tensor)
    # B is written out with a row for every output, so that no slice is left to remember.
    config = replace(record.configs[run], columns=None)
    if config.init == "pissa":
        config = pissa.converted_config(config)
    if peft_reach(model, config.target_modules, config.layers) != set(layers):
        config = replace(config, target_modules=tuple(layers), layers=None)
    first = next(iter(layers.values()))
    return Adapter(
        config=config,
        factors=factors,
        head={name: _copy(tensor) for name, tensor in sorted(tensors.items())},
        fan_in_fan_out=not isinstance(first.base, nn.Linear),
        magnitudes=magnitudes,
    )


@torch.no_grad()
def load_into(model: nn.Module, adapter: Adapter, run: int = 0) -> None:
    """Copy an adapter into a model that is adapted in the same way; nothing is changed on error.

    Raises:
        ValueError: tensors that only one of the two has (both differences are listed), other
            shapes, ranks or scalings, DoRA in one of the two alone, or a model begun with PiSSA
        RuntimeError: the model's adapter is merged
    """
    record = injection(model)
    if not 0 <= run < len(record.configs):
        raise ValueError(f"run {run}: the adapter has runs 0 to {len(record.configs) - 1}")
    layers = adapted_modules(model)
    if any(layer.merged_run is not None for layer in layers.values()):
        raise RuntimeError("the model's adapter is merged: unmerge it before loading another")
    own = adapter_parameters(model)
    others: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if n not in own}
    head = {name for name, parameter in others.items() if parameter.requires_grad}
    if not adapter.head.keys() <= others.keys():  # buffers go along with a head too
        others = {n: t for n, t in model.state_dict().items() if n not in own} | others
    missing = sorted(set(layers) - set(adapter.factors)) + sorted(head - set(adapter.head))
    extra = sorted(set(adapter.factors) - set(layers)) + sorted(set(adapter.head) - set(others))
    if missing or extra:
        raise ValueError(
            "the adapter and the model do not fit: the adapter lacks "
            f"{missing or 'nothing'}; the model lacks {extra or 'nothing'}"
        )
    for name, layer in layers.items():
        _require_fit(name, layer, run, adapter)
    for name, tensor in adapter.head.items():
        if tensor.shape != others[name].shape:
            raise ValueError(
                f"{name}: {tuple(tensor.shape)} in the adapter, {tuple(others[name].shape)} "
                "in the model"
            )
    for name, layer in layers.items():
        A, B = adapter.factors[name]
        rows = B if layer.columns is None else B[layer.columns.cpu()]
        set_run(layer, run, A, rows, adapter.magnitudes.get(name))
    for name, tensor in adapter.head.items():
        others[name].copy_(tensor)


@torch.no_grad()
def set_run(
    layer: LoRALinear, run: int, A: Tensor, B: Tensor, magnitude: Tensor | None = None
) -> None:
    """Give one run of a layer these values; what its rank pads stays 0.

    Args:
        A: (r, in), of the run's rank or less
        B: (rows, r)
        magnitude: (out,), with DoRA
    """
    layer.lora_A[run].zero_()[: len(A)].copy_(A)
    layer.lora_B[run].zero_()[:, : len(A)].copy_(B)
    if layer.lora_magnitude_vector is not None and magnitude is not None:
        layer.lora_magnitude_vector[run].copy_(magnitude)


def attach(model: nn.Module, adapter: Adapter, head_names: Sequence[str] = ()) -> tuple[str, ...]:
    """Inject an adapter into a plain model and load it; the inverse of `extract`.

    Args:
        model: without an adapter
        adapter: its factors say which modules are adapted
        head_names: modules to train on (`lora.inject.mark_trainable`)

    Returns:
        The names of the adapted modules.
    """
    if is_adapted(model):
        raise ValueError("the model has an adapter already: eject it before attaching another")
    absent = sorted(set(adapter.factors) - {name for name, _ in model.named_modules()})
    if absent:
        raise ValueError(f"the adapter and the model do not fit: the model lacks {absent}")
    config = replace(adapter.config, target_modules=tuple(adapter.factors), layers=None)
    names = inject(model, config, torch.Generator().manual_seed(0))
    mark_trainable(model, head_names)
    load_into(model, adapter)
    return names


def combine(parts: Sequence[tuple[Adapter, float]], head_of: int | None = None) -> Adapter:
    """The weighted sum of adapters, exactly: sum_i w_i s_i B_i A_i, by laying ranks side by side.

        A = [A_1; A_2; ...]    B = [w_1 s_1 B_1, w_2 s_2 B_2, ...]    s = 1

    A module that only some of them adapt takes part with those.

    Args:
        parts: adapters of one base model with their weights
        head_of: index of the part whose head is kept, where heads differ

    Raises:
        ValueError: other base models, shapes or heads, a weight that is not finite, or DoRA, whose
            updates are no products of factors
    """
    if not parts:
        raise ValueError("no adapters to combine")
    first = parts[0][0]
    for adapter, weight in parts:
        if adapter.config.use_dora:
            raise ValueError("use_dora: an update of DoRA is no product of factors to be added up")
        if not math.isfinite(weight):
            raise ValueError(f"weight {weight}: a finite number is needed")
        if adapter.config.base_model_name != first.config.base_model_name:
            raise ValueError(
                f"adapters of different bases: {first.config.base_model_name!r} and "
                f"{adapter.config.base_model_name!r}"
            )
    if head_of is not None and not 0 <= head_of < len(parts):
        raise ValueError(f"head_of {head_of}: 0 to {len(parts) - 1}")
    if head_of is None and any(not _same_head(first, adapter) for adapter, _ in parts):
        raise ValueError("the adapters have different heads: say with head_of which one to keep")
    factors: dict[str, Factors] = {}
    for name in dict.fromkeys(name for adapter, _ in parts for name in adapter.factors):
        rows: list[Tensor] = []
        columns: list[Tensor] = []
        for adapter, weight in parts:
            if name in adapter.factors:
                A, B = adapter.factors[name]
                rows.append(A)
                columns.append(weight * adapter.config.scaling_of(name) * B)
        sizes = {(A.shape[1], B.shape[0]) for A, B in zip(rows, columns, strict=True)}
        if len(sizes) > 1:
            raise ValueError(f"{name}: the adapters have different (in, out): {sorted(sizes)}")
        factors[name] = (torch.cat(rows), torch.cat(columns, dim=1))
    ranks = {name: A.shape[0] for name, (A, _) in factors.items()}
    most = max(ranks.values())
    other = {name: rank for name, rank in ranks.items() if rank != most}
    config = replace(
        first.config,
        rank=most,
        alpha=float(most),
        use_rslora=False,
        dropout=0.0,
        rank_pattern=other,
        alpha_pattern={name: float(rank) for name, rank in other.items()},
        target_modules=tuple(factors),
        layers=None,
    )
    head = parts[head_of or 0][0].head
    return Adapter(config, factors, head, first.fan_in_fan_out)


def _require_fit(name: str, layer: LoRALinear, run: int, adapter: Adapter) -> None:
    if layer.principal is not None:
        raise ValueError(
            f"{name}: the model's adapter was begun with PiSSA, so its base is another one than "
            "the loaded adapter's: attach that to the plain model"
        )
    if adapter.config.use_dora != (layer.lora_magnitude_vector is not None):
        raise ValueError(
            f"use_dora is {adapter.config.use_dora} in the adapter and "
            f"{not adapter.config.use_dora} in the model"
        )
    A, B = adapter.factors[name]
    rank = layer.ranks[run]
    theirs, ours = (A.shape[0], A.shape[1], B.shape[0]), (rank, layer.in_features)
    if theirs != (*ours, layer.out_features):
        raise ValueError(
            f"{name}: (rank, in, out) is {theirs} in the adapter and "
            f"{(*ours, layer.out_features)} in the model"
        )
    scaling = adapter.config.scaling_of(name)
    if not math.isclose(scaling, layer.scalings[run], rel_tol=1e-9):
        raise ValueError(
            f"{name}: the adapter's scaling is {scaling} (alpha {adapter.config.alpha_of(name)}, "
            f"rank {rank}), the model's {layer.scalings[run]}"
        )
    if layer.columns is not None:
        outside = torch.ones(layer.out_features, dtype=torch.bool)
        outside[layer.columns.cpu()] = False
        if B[outside].any():
            raise ValueError(f"{name}: the adapter reaches outputs outside the chosen columns")


def _same_head(one: Adapter, other: Adapter) -> bool:
    return one.head.keys() == other.head.keys() and all(
        torch.equal(one.head[name], other.head[name]) for name in one.head
    )


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
