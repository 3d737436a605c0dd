"""Adapters on disk as PEFT 0.21 writes and reads them.

    adapter_config.json         the settings
    adapter_model.safetensors   base_model.model.{module}.lora_A.weight (r, in)
                                base_model.model.{module}.lora_B.weight (out, r)
                                base_model.model.{module}.lora_magnitude_vector (out,), in DoRA
                                base_model.model.{head parameter}

Both files are pure functions of the adapter: keys and lists sorted, nothing of the machine in
them. (PEFT writes target_modules from a set, in an order that changes from run to run.) Only
rank_pattern and alpha_pattern keep the adapter's order, since the first key that matches counts;
PEFT sorts them when it saves. Nothing is unpickled and no hub is reached.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as format_tensors
from torch import Tensor

from lora.adapter import Adapter, Factors
from lora.config import LoRAConfig
from lora.targets import PEFT_HEADS, head_modules

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
MAGNITUDE = "lora_magnitude_vector"
# Keys that say nothing about what the adapter computes, or that `load` reads.
_KNOWN = {
    *("peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout"),
    *("target_modules", "modules_to_save", "fan_in_fan_out", "use_rslora", "use_dora", "bias"),
    *("rank_pattern", "alpha_pattern", "inference_mode", "init_lora_weights"),
    *("layers_to_transform", "layers_pattern", "exclude_modules", "megatron_core"),
    *("peft_version", "auto_mapping", "revision", "qalora_group_size"),
}
# How to get a whole file, where PEFT's conversion (of PiSSA, OLoRA and others) left out the head.
_COMPLETE = (
    "save the trained adapter a second time without that option, and copy the tensors of "
    "modules_to_save from that adapter_model.safetensors into the converted one"
)
# The other ways to initialise (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) change the base's weights too.
_SHOWN = 200  # characters of a name or value, in errors
_PLAIN_INITS = (True, False, "gaussian", "orthogonal", "eva")


def save(adapter: Adapter, folder: str | os.PathLike[str]) -> None:
    """Write an adapter; one that is there already is replaced.

    Raises:
        FileExistsError: the folder holds something that is no adapter
        ValueError: the base model's name is an absolute path, the adapter's targets cannot be
            told to PEFT, or it has no head though its task has one
    """
    target = Path(folder)
    config = _to_peft(adapter)
    tensors: dict[str, Tensor] = {}
    for name, (A, B) in adapter.factors.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = A.contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = B.contiguous()
    for name, magnitude in adapter.magnitudes.items():
        tensors[f"{PREFIX}{name}.{MAGNITUDE}"] = magnitude.contiguous()
    for name, tensor in adapter.head.items():
        tensors[f"{PREFIX}{name}"] = tensor.contiguous()
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file: an adapter is a folder")
    own = {CONFIG, WEIGHTS, _part(CONFIG), _part(WEIGHTS), "README.md"}
    foreign = {p.name for p in target.glob("*")} - own
    if foreign:
        raise FileExistsError(f"{target} holds {sorted(foreign)[:3]}, which is no adapter")
    target.mkdir(parents=True, exist_ok=True)
    weights = format_tensors(dict(sorted(tensors.items())), metadata={"format": "pt"})
    text = json.dumps({key: config[key] for key in sorted(config)}, indent=2) + "\n"
    for name, data in ((WEIGHTS, weights), (CONFIG, text.encode())):
        part = target / _part(name)
        part.write_bytes(data)
        part.replace(target / name)


def load(folder: str | os.PathLike[str]) -> Adapter:
    """Read an adapter that this module or PEFT wrote; the factors become fp32.

    Raises:
        FileNotFoundError: a file that is not there
        ValueError: a file that cannot be read, a feature other than LoRA, rsLoRA and DoRA (naming
            the key), or tensors that are missing or too many (naming them), among them those of
            modules that the settings say are saved; or what PEFT never writes: values of other
            kinds in the settings, tensors that are empty or not finite
    """
    source = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (source / name).is_file():
            raise FileNotFoundError(f"{source / name} is not there: {source} is no PEFT adapter")
    try:
        config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source / CONFIG} is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{source / CONFIG}: an object is needed, not {type(config).__name__}")
    _refuse_other_kinds(config, source / CONFIG)
    _refuse_other_methods(config, source / CONFIG)
    try:
        tensors = parse_tensors((source / WEIGHTS).read_bytes())
    except (SafetensorError, LookupError, ValueError, RuntimeError, TypeError) as error:
        said = str(error)[:_SHOWN]
        raise ValueError(f"{source / WEIGHTS} is no safetensors file: {said}") from None
    _refuse_no_numbers(tensors, source / WEIGHTS)
    magnitudes = {
        key.removeprefix(PREFIX).removesuffix(f".{MAGNITUDE}"): tensors.pop(key).float()
        for key in sorted(tensors)
        if key.startswith(PREFIX) and key.endswith(f".{MAGNITUDE}")
    }
    head_names = config.get("modules_to_save") or ()
    factors, head = _split(tensors, head_names, source / WEIGHTS)
    _require_head(head, head_names, config.get("task_type"), source / WEIGHTS)
    settings = _from_peft(config, factors, source / CONFIG)
    fan_in_fan_out = bool(config.get("fan_in_fan_out", False))
    try:
        return Adapter(settings, factors, head, fan_in_fan_out, magnitudes)
    except ValueError as error:
        raise ValueError(f"{source / WEIGHTS}: {error}") from None


def _to_peft(adapter: Adapter) -> dict[str, Any]:
    """adapter_config.json: every key that matters, since PEFT turns an omitted r into 8."""
    config = adapter.config
    name = config.base_model_name
    if name is not None and (Path(name).is_absolute() or PureWindowsPath(name).is_absolute()):
        raise ValueError(f"base_model_name {name!r}: a hub id or relative name, not a path")
    # PEFT reads a list of suffixes; other patterns are written as the names that they reached.
    plain = all(":" not in target for target in config.target_modules)
    targets = config.target_modules if plain else tuple(adapter.factors)
    layers = config.layers if plain else None
    modules = head_modules(adapter.head, adapter.factors, config.task_type)
    if modules and not adapter.head:
        raise ValueError(
            f"task_type {config.task_type!r}: a head goes along ({' or '.join(modules)} in PEFT, "
            "which cannot load a file without it), and the adapter has none"
        )
    return {
        "peft_type": "LORA",
        "task_type": config.task_type,
        "base_model_name_or_path": name,
        "r": config.rank,
        "lora_alpha": _number(config.alpha),
        "lora_dropout": float(config.dropout),
        "target_modules": sorted(targets),
        "layers_to_transform": None if layers is None else sorted(layers),
        "modules_to_save": list(modules) or None,
        "fan_in_fan_out": adapter.fan_in_fan_out,
        "use_rslora": config.use_rslora,
        "bias": "none",
        "rank_pattern": dict(config.rank_pattern),
        "alpha_pattern": {key: _number(value) for key, value in config.alpha_pattern.items()},
        "inference_mode": True,
        "init_lora_weights": True,
        "use_dora": config.use_dora,
    }


def _from_peft(config: Mapping[str, Any], factors: Mapping[str, Factors], file: Path) -> LoRAConfig:
    targets, layers = config.get("target_modules"), config.get("layers_to_transform")
    if isinstance(layers, int):
        layers = [layers]
    # A regular expression, or targets narrowed in PEFT's other ways: the factors' names say it.
    narrowed = config.get("layers_pattern") or config.get("exclude_modules")
    if not isinstance(targets, list) or narrowed:
        targets, layers = sorted(factors), None
    for key in ("r", "lora_alpha"):
        if key not in config:
            raise ValueError(f"{file}: {key} is missing")
    try:
        return LoRAConfig(
            rank=config["r"],
            alpha=config["lora_alpha"],
            target_modules=tuple(sorted(targets)),
            layers=tuple(layers) if layers else None,
            use_rslora=bool(config.get("use_rslora", False)),
            use_dora=bool(config.get("use_dora", False)),
            dropout=config.get("lora_dropout", 0.0),
            rank_pattern=config.get("rank_pattern") or {},
            alpha_pattern=config.get("alpha_pattern") or {},
            base_model_name=config.get("base_model_name_or_path"),
            task_type=config.get("task_type"),
        )
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_pattern(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


def _is_layers(value: object) -> bool:
    layers = value if isinstance(value, list) else [value]
    return all(isinstance(layer, int) and not isinstance(layer, bool) for layer in layers)


# What PEFT writes under the keys that are read, where it is not null.
_KINDS: tuple[tuple[tuple[str, ...], Callable[[object], bool], str], ...] = (
    (("r", "lora_alpha", "lora_dropout"), _is_number, "a finite number"),
    (("use_rslora", "use_dora", "fan_in_fan_out"), _is_flag, "true or false"),
    (("base_model_name_or_path", "task_type"), _is_text, "text"),
    (("rank_pattern", "alpha_pattern"), _is_pattern, "an object of finite numbers"),
    (("modules_to_save",), _is_names, "a list of names"),
    (("target_modules",), lambda x: _is_text(x) or _is_names(x), "a pattern or a list of names"),
    (("layers_to_transform",), _is_layers, "an index or a list of them"),
)


def _refuse_other_kinds(config: Mapping[str, Any], file: Path) -> None:
    for keys, fits, allowed in _KINDS:
        for key in keys:
            if config.get(key) is not None and not fits(config[key]):
                shown = repr(config[key])[:_SHOWN]
                raise ValueError(f"{file}: {key} {shown}: {allowed} is needed")


def _refuse_no_numbers(tensors: Mapping[str, Tensor], file: Path) -> None:
    for name, tensor in sorted(tensors.items()):
        if not tensor.is_floating_point():
            raise ValueError(f"{file}: {name[:_SHOWN]} is of {tensor.dtype}: floats are needed")
        if not tensor.numel() or not bool(torch.isfinite(tensor.float()).all()):
            raise ValueError(f"{file}: {name[:_SHOWN]} is empty, or not finite in fp32")


def _refuse_other_methods(config: Mapping[str, Any], file: Path) -> None:
    """Refuse whatever would make the loaded adapter compute something else than it was."""
    if config.get("peft_type") != "LORA":
        raise ValueError(f"{file}: peft_type {config.get('peft_type')!r}: only 'LORA' is read")
    if config.get("bias", "none") != "none":
        raise ValueError(f"{file}: bias {config['bias']!r}: only 'none' is read")
    if config.get("init_lora_weights", True) not in _PLAIN_INITS:
        raise ValueError(
            f"{file}: init_lora_weights {config['init_lora_weights']!r} changes the base's "
            f"weights: only {', '.join(repr(i) for i in _PLAIN_INITS)} are read; PEFT converts "
            "others when it saves with path_initial_model_for_weight_conversion, which leaves out "
            f"the head: {_COMPLETE}"
        )
    for key in sorted(config.keys() - _KNOWN):
        if config[key] not in (None, False, {}, []):
            raise ValueError(f"{file}: {key} {config[key]!r} is not plain LoRA and is not read")


def _split(
    tensors: Mapping[str, Tensor], head_modules: Sequence[str], file: Path
) -> tuple[dict[str, Factors], dict[str, Tensor]]:
    """Factors by module and head parameters by name, out of a file's tensors."""
    halves: dict[str, dict[str, Tensor]] = {}
    head: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key in sorted(tensors):
        tensor = tensors[key].to(torch.float32)
        name = key.removeprefix(PREFIX)
        module, _, factor = name.removesuffix(".weight").rpartition(".")
        if name == key:
            unknown.append(key)
        elif factor in ("lora_A", "lora_B") and name.endswith(".weight"):
            halves.setdefault(module, {})[factor] = tensor
        elif "lora_" not in name and any(f"{m}." in name for m in head_modules):
            # Without a dot before it, as in PEFT: DistilBERT's `pre_classifier` trains and is
            # saved there on account of `classifier` (peft 3755).
            head[name] = tensor
        else:
            unknown.append(key)
    single = [name for name, half in halves.items() if len(half) == 1]
    if unknown or single or not halves:
        raise ValueError(
            f"{file}: tensors that are no part of a LoRA adapter: {unknown or 'none'}; modules "
            f"with only one of lora_A and lora_B: {single or 'none'}; modules: {len(halves)}"
        )
    return {name: (half["lora_A"], half["lora_B"]) for name, half in halves.items()}, head


def _require_head(
    head: Mapping[str, Tensor], modules: Sequence[str], task_type: str | None, file: Path
) -> None:
    """Refuse a file without the head that its settings name: the base has another, random one.

    Of the names that a task brings of itself (`classifier`, `score`) a model has one, if any.
    """
    absent = [m for m in modules if not any(f"{m}." in name for name in head)]
    usual = PEFT_HEADS.get(task_type or "", ())
    named = [m for m in absent if m not in usual]
    if absent and (named or not head):
        raise ValueError(
            f"{file}: modules_to_save names {named or absent}, and the file has no tensor of "
            f"{'them' if len(named or absent) > 1 else 'it'}: whoever loads it gets another head "
            "than was trained. If PEFT saved it with path_initial_model_for_weight_conversion, "
            f"which leaves out the head, {_COMPLETE}"
        )


def _part(name: str) -> str:
    """The file that a half-written one stands in, so that none is ever read half."""
    return f".{name}.part"


def _number(value: float) -> float:
    """A whole number as an int, as PEFT's alpha usually is."""
    return int(value) if float(value).is_integer() else float(value)
