"""Adapters that PEFT never wrote: a ValueError that names the file, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lora import peft_format
from lora.adapter import Adapter
from lora.config import LoRAConfig

MODULE = "layers.0.query"
A = f"{peft_format.PREFIX}{MODULE}.lora_A.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = torch.Generator().manual_seed(0)
    pair = torch.randn(2, 4, generator=draw), torch.randn(3, 2, generator=draw)
    peft_format.save(Adapter(LoRAConfig(2, 4.0, ("query",)), {MODULE: pair}), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("r", value) for value in ("8", True, 0.5, 10**400, [8])),
        *(("lora_alpha", value) for value in ("16", 10**400, {}, None)),
        *(("target_modules", value) for value in (5, [1, "a"], {"a": 1}, [None])),
        *(("modules_to_save", value) for value in (5, "head", [1], {"a": 1})),
        *(("layers_to_transform", value) for value in (0.5, "0", [0, "1"], [True])),
        *(("rank_pattern", value) for value in ([1], "a", {"a": "b"}, {"a": None}, {"(": 1})),
        *(("use_rslora", value) for value in ("no", 1, [])),
        ("use_dora", "no"),
        ("base_model_name_or_path", ["x"]),
        ("task_type", ["SEQ_CLS"]),
        ("lora_dropout", 10**400),
    ],
)
def test_a_setting_of_another_kind_is_refused(folder: Path, key: str, value: Any) -> None:
    path = folder / peft_format.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ValueError, match=peft_format.CONFIG):
        peft_format.load(folder)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "not a number": lambda x: torch.full_like(x, torch.nan),
    "infinite": lambda x: torch.full_like(x, torch.inf),
    "beyond fp32": lambda x: torch.full_like(x, 1e300, dtype=torch.float64),
    "whole numbers": lambda x: x.to(torch.int64),
    "true and false": lambda x: x > 0,
    "complex": lambda x: x.to(torch.complex64),
    "empty": lambda x: x[:, :0].contiguous(),
    "flat": lambda x: x.flatten(),
    "of another rank": lambda x: torch.cat([x, x]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tensor_of_which_nothing_follows_is_refused(folder: Path, change: str) -> None:
    path = folder / peft_format.WEIGHTS
    tensors = load_file(path)
    tensors[A] = CHANGES[change](tensors[A])
    save_file(tensors, path)
    with pytest.raises(ValueError, match=peft_format.WEIGHTS):
        peft_format.load(folder)


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63, 2**64 - 1])
def test_a_header_of_another_length_is_refused(folder: Path, length: int) -> None:
    path = folder / peft_format.WEIGHTS
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ValueError, match=peft_format.WEIGHTS):
        peft_format.load(folder)


def test_objects_inside_of_objects_are_no_settings(folder: Path) -> None:
    (folder / peft_format.CONFIG).write_text('{"a":' * 100_000)
    with pytest.raises(ValueError, match=peft_format.CONFIG):
        peft_format.load(folder)
