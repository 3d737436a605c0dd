"""Bad adapters: files that are cut, altered or made up, read as every stage does that takes one in.

An adapter that is read is tried on: it is stacked with a good one, merged as the methods' are, and
written out again. What comes of it has to be finite and of the model's shapes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from safetensors.torch import load as parse
from safetensors.torch import save as written
from torch import Tensor
from transformers import AutoModelForSequenceClassification
from transformers.utils.logging import disable_progress_bar

from checks.families.making import CLASSIFIER, make
from checks.fuzz.damage import damaged_json, damaged_tensors, one
from checks.fuzz.judge import ROOT, Made
from checks.fuzz.selecting import LABELS, Selecting
from lora import peft_format
from lora.adapter import Adapter, extract
from lora.config import LoRAConfig
from lora.inject import eject, inject, mark_trainable
from study.entry.sections import load
from study.evaluation.attached import read_saved
from study.studies.methods.comparison.merging import merging
from study.studies.methods.settings import METHODS
from study.studies.stacking.combining.combinations import SUM, Combination
from study.studies.stacking.combining.together import put_together

FILES = (peft_format.CONFIG, peft_format.WEIGHTS)
OFTEN = 8  # one case of so many goes through what loads a model for it, which takes longer
# In errors: of the folder, of stacking, of settings, or of a module's name where there are many.
NAMES = ("bad", "stacking", "lora.", "data/", "bert.", "classifier")
CONFIGS: tuple[dict[str, Any], ...] = ({}, {"use_rslora": True}, {"use_dora": True})


@dataclass
class Adapters:
    """Cases of adapters."""

    name: str = "adapters"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Make a small model, and adapters of it that are good."""
        del cases
        torch.set_num_threads(1)  # a fork must not find threads that wait for one another
        self._seed = seed
        disable_progress_bar()
        make(folder / "model", "bert", CLASSIFIER)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder / "model").eval()
        self._inputs = {"input_ids": torch.tensor([[2, 5, 6, 7], [2, 8, 9, 3]])}
        self._good = [self._adapter(folder / str(i), more) for i, more in enumerate(CONFIGS)]
        self._selecting = Selecting(folder / "model", peft_format.load(folder / "0"))
        with contextlib.chdir(ROOT):
            self._methods = load(METHODS).methods

    def _adapter(self, folder: Path, more: dict[str, Any]) -> dict[str, bytes]:
        config = LoRAConfig(2, 4.0, ("query", "value"), task_type="SEQ_CLS", **more)
        inject(self._model, config, torch.Generator().manual_seed(0))
        mark_trainable(self._model, ["classifier"])
        peft_format.save(extract(self._model), folder)
        eject(self._model)
        return {name: (folder / name).read_bytes() for name in FILES}

    def make(self, number: int, folder: Path) -> Made:
        """Write a good adapter and a bad one."""
        draw = np.random.default_rng([self._seed, 2, number])
        files = dict(one(draw, self._good))
        how = self._spoil(draw, files)
        for place, content in (("good", self._good[0]), ("bad", files)):
            (folder / place).mkdir()
            for name, data in content.items():
                (folder / place / name).write_bytes(data)
        return Made(how, lambda: self._taken_in(folder, number), NAMES, _wrong)

    def _spoil(self, draw: Generator, files: dict[str, bytes]) -> str:
        """Alter one of the files, and say how."""
        kind = one(draw, ("config", "config", "weights", "weights", "tensors", "tensors", "gone"))
        if kind == "gone":
            name = one(draw, FILES)
            del files[name]
            return f"{name} is not there"
        if kind == "config":
            how, data = damaged_json(draw, json.loads(files[peft_format.CONFIG]))
            files[peft_format.CONFIG] = data
            return f"config {how}"
        spoil = damaged_tensors if kind == "weights" else _other_tensors
        how, files[peft_format.WEIGHTS] = spoil(draw, files[peft_format.WEIGHTS])
        return f"{kind} {how}"

    def _taken_in(self, folder: Path, number: int) -> list[Any]:
        """Read, stack and merge, as stacking and methods do; at times as drift and select do."""
        good, bad = (read_saved(folder / name, "dvc repro lora") for name in ("good", "bad"))
        found: list[Any] = [bad]
        merged = merging("lora", self._methods, self._model, self._inputs, folder / "bad")
        if number % OFTEN == 0:
            self._selecting.attach(bad)
            self._selecting.select(folder, folder / "bad")
        if not bad.config.use_dora:
            both = Combination(SUM, (1.0, 0.5), None)
            found.append(put_together(both, (good, bad), ("good", "bad"), (LABELS, LABELS)))
        return [*found, merged]


def _other_tensors(draw: Generator, data: bytes) -> tuple[str, bytes]:
    """Return a whole safetensors file that holds other tensors."""
    tensors = parse(data)
    name = one(draw, sorted(tensors))
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "turned": lambda x: x.T.contiguous(),
        "a row less": lambda x: x[1:].contiguous(),
        "twice": lambda x: torch.cat([x, x]),
        "empty": lambda x: x[:0].contiguous(),
        "one number": lambda x: x.flatten()[:1].reshape(()),
        "flat": lambda x: x.flatten(),
        "deep": lambda x: x[None, None].contiguous(),
        "not a number": lambda x: torch.full_like(x, torch.nan),
        "infinite": lambda x: torch.full_like(x, -torch.inf),
        "beyond fp16": lambda x: x.to(torch.float16) * 65504,
        "whole numbers": lambda x: x.to(torch.int64),
        "true and false": lambda x: x > 0,
        "complex": lambda x: x.to(torch.complex64),
        "beyond fp32": lambda x: torch.full_like(x, 1e300, dtype=torch.float64),
        "eight bits": lambda x: x.to(torch.float8_e4m3fn),
    }
    how = one(draw, (*sorted(changes), "gone", "extra", "renamed"))
    tensor = tensors.pop(name)
    if how in changes:
        tensors[name] = changes[how](tensor)
    elif how == "extra":
        other = one(draw, ("x", f"{peft_format.PREFIX}../../up.lora_A.weight", f"{name}.more"))
        tensors |= {name: tensor, other: tensor.clone()}
    elif how == "renamed":
        parts = name.split(".")
        parts[int(draw.integers(len(parts)))] = one(draw, ("..", "", "a/b", "lora_A", "99", "é"))
        tensors[".".join(parts)] = tensor
    return how, written(tensors, metadata={"format": "pt"})


def _wrong(found: list[Any]) -> str | None:
    """Say what is wrong with adapters that were taken in."""
    for adapter in (each for each in found if isinstance(each, Adapter)):
        tensors = [x for pair in adapter.factors.values() for x in pair]
        tensors += [*adapter.head.values(), *adapter.magnitudes.values()]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            return "accepted, with numbers that are not finite"
        if any(len(a) != b.shape[1] or not a.numel() for a, b in adapter.factors.values()):
            return "accepted, with factors that have no product"
    difference = found[-1].get("merge_difference")
    return None if difference == difference and difference < 1e-3 else "merged into other numbers"


KIND = Adapters()
