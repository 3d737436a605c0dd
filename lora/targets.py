"""Which modules of a model an adapter reaches.

A target is one of

    "bert.encoder.layer.0.attention.self.query"   the module's full name
    "query", "attention.self.query"               the last components of names; "query" reaches
                                                  "...self.query", never "...pre_query"
    "glob:*.attention.self.*"                     a shell pattern for the full name
    "regex:.*\\.(query|value)"                     a regular expression for the full name
    "all-linear"                                  as PEFT has it, every linear layer of the base
                                                  model, so neither its head nor its output layer

All but the first and the last reach the model's numbered layers only: poolers, classification and
language model heads stand outside them and must be named in full. (PEFT's "dense" reaches BERT's
pooler: peft 3554, 3658.)
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lora.layer import LoRALinear, unsupported

ALL_LINEAR = "all-linear"
_SHOWN = 12

# What PEFT takes for the head of these tasks: every module whose name ends like this, with or
# without a dot before it (so DistilBERT's `pre_classifier` too: peft 3755).
PEFT_HEADS = {"SEQ_CLS": ("classifier", "score"), "TOKEN_CLS": ("classifier", "score")}


def find_targets(
    model: nn.Module, patterns: Sequence[str], layers: Sequence[int] | None = None
) -> list[str]:
    """The full names of the modules that the patterns reach, in the model's own order.

    Args:
        model: a Hugging Face model, or any module; on the meta device too
        patterns: see the module's docstring; each must match at least one module
        layers: indices in the model's list of layers, None for all. A module named in full that
            stands in no layer is kept.

    Raises:
        ValueError: a pattern that matches nothing (naming what there is), a layer index that
            does not exist, a module that is quantised or shares its weight with another
    """
    names = _linear_names(model)
    found: set[str] = set()
    for pattern in patterns:
        matched = [name for name in names if _matches(pattern, name, model)]
        if not matched:
            raise ValueError(_no_match(pattern, model, names))
        found.update(matched)
    indices = {index for name in found if (index := layer_index(name)) is not None}
    if layers is not None:
        for index in layers:
            if index not in indices:
                raise ValueError(
                    f"layers {index}: the modules that {list(patterns)} reach have the layer "
                    f"indices {_spans(indices)}"
                )
        outside = (None,) if ALL_LINEAR not in patterns else ()  # PEFT's, which names none in full
        found = {name for name in found if layer_index(name) in (*outside, *layers)}
        for pattern in patterns:
            if not any(_matches(pattern, name, model) for name in found):
                raise ValueError(f"target {pattern!r} matches no module in layers {list(layers)}")
    chosen = [name for name in names if name in found]
    for name in chosen:
        reason = unsupported(model.get_submodule(name))
        if reason:
            raise ValueError(f"target {name}: {reason}")
    _refuse_shared(model, chosen)
    return chosen


def layer_index(name: str) -> int | None:
    """The index of the layer that a module stands in: the first number among its components."""
    return next((int(part) for part in name.split(".") if part.isdecimal()), None)


def suffix_matches(suffix: str, name: str) -> bool:
    """Whether `suffix` is the name or its last components (PEFT's rule for a list of targets)."""
    return name == suffix or name.endswith(f".{suffix}")


def _linear_names(model: nn.Module) -> list[str]:
    """Names of what is a linear layer, or looks like one, wrapped ones included."""
    names: list[str] = []
    wrapped: list[str] = []
    for name, module in model.named_modules(remove_duplicate=False):
        if any(name.startswith(f"{outer}.") for outer in wrapped):
            continue
        if isinstance(module, LoRALinear):
            wrapped.append(name)
        linear = isinstance(module, nn.Linear | Conv1D | LoRALinear)
        if name and (linear or type(module).__name__.endswith("Linear")):
            names.append(name)
    return names


def _matches(pattern: str, name: str, model: nn.Module) -> bool:
    if pattern == name:
        return True
    if pattern == ALL_LINEAR:
        module = model.get_submodule(name)
        linear = isinstance(module, LoRALinear) or unsupported(module) is None
        return linear and _in_base(name, model)
    if layer_index(name) is None or not _in_base(name, model):
        return False
    kind, _, body = pattern.partition(":")
    if kind == "glob":
        return fnmatch.fnmatchcase(name, body)
    if kind == "regex":
        try:
            return re.fullmatch(body, name) is not None
        except re.error as error:
            raise ValueError(f"target {pattern!r} is no regular expression ({error})") from None
    return suffix_matches(pattern, name)


def _in_base(name: str, model: nn.Module) -> bool:
    """Whether a module belongs to the encoder or decoder under a Hugging Face head."""
    prefix = getattr(model, "base_model_prefix", "")
    return not prefix or not hasattr(model, prefix) or name.startswith(f"{prefix}.")


def _no_match(pattern: str, model: nn.Module, names: Sequence[str]) -> str:
    """What to say of a pattern that reaches nothing."""
    head = f"target {pattern!r} matches no module"
    outside = [name for name in names if suffix_matches(pattern, name)]
    if outside:
        return f"{head} in the numbered layers; outside them name it in full: {_list(outside)}"
    other = [name for name, _ in model.named_modules() if suffix_matches(pattern, name)]
    if other:
        kind = type(model.get_submodule(other[0])).__name__
        return f"{head} that is linear: {other[0]} is a {kind}"
    counts = Counter(name.rsplit(".", 1)[-1] for name in names if layer_index(name) is not None)
    last = pattern.partition(":")[2] or pattern
    close = difflib.get_close_matches(last.rsplit(".", 1)[-1], counts, cutoff=0.5)
    near = f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
    there = [f"{name} ({count})" for name, count in sorted(counts.items())] or list(names)
    return f"{head}{near}; the layers have {_list(there) or 'no linear modules'}"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _spans(indices: Iterable[int]) -> str:
    ordered = sorted(indices)
    if not ordered:
        return "none"
    if ordered == list(range(ordered[0], ordered[-1] + 1)) and len(ordered) > 1:
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(str(index) for index in ordered)


def _refuse_shared(model: nn.Module, names: Sequence[str]) -> None:
    """Refuse a target whose weight is also another parameter: adapting one would change both.

    (peft 2018: merging GPT-2's tied `lm_head` changes `wte`.) Memory is compared, not storage:
    a checkpoint that is mapped into memory gives all tensors one storage.
    """
    owners: dict[int, list[str]] = {}
    spans: list[tuple[int, int, str]] = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        owners.setdefault(id(parameter), []).append(name)
        if not parameter.is_meta:
            spans.append((*_memory(parameter), name))
    for name in names:
        weight = model.get_submodule(name).weight
        own = f"{name}.weight"
        shared = [other for other in owners[id(weight)] if other != own]
        if not shared and isinstance(weight, Tensor) and not weight.is_meta:
            start, stop = _memory(weight)
            shared = [other for a, b, other in spans if a < stop and start < b and other != own]
        if shared:
            raise ValueError(f"target {name}: its weight is shared with {_list(shared)}")


def _memory(tensor: Tensor) -> tuple[int, int]:
    """First and one past the last byte that a tensor spans."""
    if tensor.numel() == 0:
        return 0, 0
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return start, start + (last + 1) * tensor.element_size()


def peft_reach(model: nn.Module, targets: Sequence[str], layers: Sequence[int] | None) -> set[str]:
    """The linear modules that PEFT 0.21 would adapt for a list of targets.

    PEFT knows no numbered layers for the targets themselves and takes a layer's index from the
    first "name.number" that is not at the very start of a module's name.
    """
    reached: set[str] = set()
    for name in _linear_names(model):
        if name in targets:
            reached.add(name)
        elif any(suffix_matches(target, name) for target in targets):
            index = re.match(r".*?\.[^.]*\.(\d+)\.", name)
            if layers is None or (index is not None and int(index[1]) in layers):
                reached.add(name)
    return reached


def peft_heads(model: nn.Module, endings: Iterable[str]) -> list[str]:
    """The modules that PEFT 0.21 saves whole for its `modules_to_save`.

    It takes every module whose name ends like one of these, and cannot load an adapter that lacks
    one of their parameters or saved buffers.
    """
    endings = tuple(endings)
    return [
        name
        for name, module in model.named_modules()
        if name.endswith(endings)
        and not any(isinstance(part, LoRALinear) for part in module.modules())
    ]


def head_modules(
    head: Iterable[str], adapted: Iterable[str], task_type: str | None
) -> tuple[str, ...]:
    """PEFT's modules_to_save: the modules that hold the head's parameters, as high as can be.

    Args:
        head: parameters' full names
        adapted: modules' full names; what stands beside them in one part of the model is no head
        task_type: PEFT's, which brings names of its own
    """
    bases = {name.split(".", 1)[0] for name in adapted}
    modules = set(PEFT_HEADS.get(task_type or "", ()))
    for name in head:
        top = name.split(".", 1)[0]
        modules.add(name.rpartition(".")[0] if top in bases else top)
    return tuple(sorted(modules))
