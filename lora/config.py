"""The settings of one adapter, checked once, in PEFT's words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Value = TypeVar("Value", int, float)
INITS = ("default", "pissa")


@dataclass(frozen=True)
class LoRAConfig:
    """What a LoRA adapter adapts, and how.

    Attributes:
        rank: PEFT's `r`
        alpha: PEFT's `lora_alpha`; the update is alpha / rank * B A, or with `use_rslora`
            alpha / sqrt(rank) * B A (Kalajdzievski 2023, arXiv 2312.03732)
        use_dora: learn each output's magnitude apart, see `lora.dora`
        init: of A and B: "default" (A random, B zero) or "pissa", see `lora.pissa`
        target_modules: which modules, see `lora.targets`
        layers: indices in the model's list of layers, None for all of them
        use_rslora: see alpha
        dropout: probability of dropping an element of the low-rank path's input
        rank_pattern: rank of particular modules. A key is a regular expression that must match
            the end of a module's name from the start of a component, as in PEFT
        alpha_pattern: alpha of particular modules, keys as in rank_pattern
        columns: (start, stop) pairs of output features that the update reaches in every target,
            for fused projections such as GPT-2's `c_attn`; None for all of them
        base_model_name: what the adapter was trained on; a hub id or a relative name
        task_type: PEFT's, such as "SEQ_CLS" for a sentence classifier; None for a bare encoder

    Raises:
        ValueError: naming the field, its value and what is allowed
    """

    rank: int
    alpha: float
    target_modules: tuple[str, ...]
    layers: tuple[int, ...] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    init: str = "default"
    dropout: float = 0.0
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[tuple[int, int], ...] | None = None
    base_model_name: str | None = None
    task_type: str | None = None

    def __post_init__(self) -> None:
        _require_rank("rank", self.rank)
        _require_alpha("alpha", self.alpha)
        if isinstance(self.target_modules, str) or not self.target_modules:
            raise ValueError(f"target_modules {self.target_modules!r}: a tuple of names is needed")
        for name in self.target_modules:
            if not isinstance(name, str) or not name:
                raise ValueError(f"target_modules {name!r}: each one is a non-empty string")
        if len(set(self.target_modules)) != len(self.target_modules):
            raise ValueError(f"target_modules {self.target_modules!r}: a name is given twice")
        if self.layers is not None:
            if not self.layers:
                raise ValueError("layers (): give at least one index, or None for every layer")
            for index in self.layers:
                if not _is_int(index) or index < 0:
                    raise ValueError(f"layers {index!r}: indices count from 0")
            if len(set(self.layers)) != len(self.layers):
                raise ValueError(f"layers {self.layers!r}: an index is given twice")
        if self.init not in INITS:
            raise ValueError(f"init {self.init!r}: allowed are {' and '.join(INITS)}")
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout!r}: at least 0 and below 1")
        for key, wanted in (("use_dora", self.use_dora), ("init", self.init == "pissa")):
            if wanted and self.columns is not None:
                raise ValueError(
                    f"{key} {getattr(self, key)!r} works on whole weights: columns must be None"
                )
        for key, rank in self.rank_pattern.items():
            _require_regex("rank_pattern", key)
            _require_rank(f"rank_pattern[{key!r}]", rank)
        for key, alpha in self.alpha_pattern.items():
            _require_regex("alpha_pattern", key)
            _require_alpha(f"alpha_pattern[{key!r}]", alpha)

    def rank_of(self, module: str) -> int:
        """The rank at the module of this name."""
        return _lookup(self.rank_pattern, module, self.rank)

    def alpha_of(self, module: str) -> float:
        """alpha at the module of this name."""
        return _lookup(self.alpha_pattern, module, self.alpha)

    def scaling_of(self, module: str) -> float:
        """s at the module of this name: alpha / rank, or alpha / sqrt(rank) with rsLoRA."""
        rank = self.rank_of(module)
        return self.alpha_of(module) / (math.sqrt(rank) if self.use_rslora else rank)


def _lookup(pattern: Mapping[str, Value], module: str, default: Value) -> Value:
    """The value of the first key that matches the module's name, as PEFT looks it up."""
    for key, value in pattern.items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require_rank(name: str, value: object) -> None:
    if not _is_int(value) or value < 1:  # type: ignore[operator]
        raise ValueError(f"{name} {value!r}: an integer of 1 or more is needed")


def _require_alpha(name: str, value: object) -> None:
    if not _is_number(value) or value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} {value!r}: a number above 0 is needed")


def _require_regex(name: str, key: object) -> None:
    try:
        if not isinstance(key, str) or not key:
            raise ValueError(f"{name}: the key {key!r} is not a module name or pattern")
        re.compile(key)
    except re.error as error:
        raise ValueError(f"{name}: the key {key!r} is no regular expression ({error})") from None
