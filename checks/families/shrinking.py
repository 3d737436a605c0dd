"""From a family's configuration class to a configuration of a few thousand weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from checks.families import sizes
from checks.families.exceptions import EXCEPTIONS, VARIANTS


def small_config(family: str) -> PretrainedConfig:
    """Return the configuration of a family, or of a variant, with every size made small."""
    model_type, changes = VARIANTS.get(family, (family, {}))
    return shrunk(CONFIG_MAPPING[model_type], changes)


def shrunk(kind: type[PretrainedConfig], more: Mapping[str, Any]) -> PretrainedConfig:
    """Return a configuration of this class, whose parts are shrunk alike.

    Layers of several kinds all stay: there are enough layers for each kind to come, in the order in
    which the family has them.

    Args:
        more: values that it has besides.
    """
    own = {**EXCEPTIONS.get(kind.model_type, {}), **more}
    held = vars(kind())  # read so, as attributes that differ from layer to layer cannot be
    fields = {f.name: kind.attribute_map.get(f.name, f.name) for f in dataclasses.fields(kind)}
    present = {name: held[own_name] for name, own_name in fields.items() if own_name in held}
    depth = next((present[n] for n in sizes.LAYER_COUNTS if _is_count(present.get(n))), None)
    by_layer = {name: v for name, v in present.items() if _is_by_layer(v, depth)}
    mixed = any(len(_kinds(values)) > 1 for values in by_layer.values())
    layers = int(own.get("layers", sizes.MIXED_LAYERS if mixed else sizes.LAYERS))
    extra = iter(range(sizes.WORDS[1], sizes.VOCABULARY))
    changes: dict[str, Any] = {}
    for name, value in present.items():
        if isinstance(value, PretrainedConfig):
            changes[name] = shrunk(type(value), {})
        elif name in by_layer:
            changes[name] = _first_of_each(by_layer[name], layers)
            if name in sizes.SIZES:
                changes[name] = [sizes.SIZES[name]] * layers
        elif name in sizes.LAYER_COUNTS and _is_count(value):
            changes[name] = layers
        elif name in sizes.SIZES and (_is_count(value) or (value is None and name in sizes.ALWAYS)):
            changes[name] = sizes.SIZES[name]
    if "kv_lora_rank" in present and "num_key_value_heads" in changes:
        changes["num_key_value_heads"] = sizes.HEADS  # keys of a low rank are not shared
    changes |= dict(_special_ids(present, extra))
    changes |= {k: v for k, v in own.items() if k != "layers"}
    return kind(**changes)


def _special_ids(present: dict[str, Any], extra: Iterator[int]) -> Iterator[tuple[str, int]]:
    """Yield an id inside the vocabulary for every token that a configuration names."""
    for name, value in present.items():
        if name in sizes.SPECIAL and (value is not None or name in sizes.ALWAYS):
            yield name, sizes.SPECIAL[name]
        elif name == "decoder_start_token_id" and value is not None:
            pad = value == present.get("pad_token_id")
            yield name, sizes.PAD if pad else sizes.EOS
        elif name.endswith(("_token_id", "_token_index")) and _is_count(value):
            yield name, next(extra)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_by_layer(value: object, depth: int | None) -> bool:
    """Whether a value is a list with one element a layer."""
    return isinstance(value, list | tuple) and depth is not None and len(value) == depth > 1


def _kinds(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _first_of_each(values: Sequence[Any], layers: int) -> list[Any]:
    """Return one element a layer, the kinds in turn."""
    kinds = _kinds(values)
    return [kinds[i % len(kinds)] for i in range(layers)]
