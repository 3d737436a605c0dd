"""A study of toy size on disk: prepared data, adapters, and records that fit them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
import yaml

from lora import peft_format
from lora.adapter import Adapter, extract
from lora.inject import eject
from study.analyses.cost.plain import load_plain
from study.arms.lora import adapt, config_of
from study.records import prepared
from study.records.prepared import Prepared, Split
from study.settings import whole as settings
from study.settings.whole import Settings
from tests.lora.models import FAMILIES, VOCABULARY, randomise
from tests.study import toys
from tests.study.fake_records import write_study

PARAMS = Path(__file__).parents[4] / "params.yaml"
RANKS = (3, 1)


def chosen(family: str = "bert", **changes: Any) -> Settings:
    """Return settings for a toy model; `changes` are by section, such as cost={"repeats": 2}."""
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    own = {
        "model": {"name": str(toys.saved(family)), "dropout": 0.0},
        "lora": {"ranks": list(RANKS), "rank": 1}
        | {"target_modules": list(FAMILIES[family].targets)},
        "train": {"precision": "fp32", "device": "cpu", "batch_size": 4},
        "head_only": {"epochs": 3},
        "cost": {"sentences": 10, "repeats": 2},
        "statistics": {"resamples": 50},
    }
    for part in (own, changes):
        for section, values in part.items():
            raw[section] = raw[section] | values if isinstance(values, dict) else values
    return settings.parse(raw)


def data(family: str = "bert", classes: int = 2) -> Prepared:
    made = toys.prepared(train=20, validation=8, test=14, pad=_pad(family))
    if classes == 2:
        return made

    def relabelled(split: Split) -> Split:
        labels = torch.arange(len(split)) % classes
        return Split(split.input_ids, split.lengths, labels)

    parts = {name: relabelled(getattr(made, name)) for name in prepared.SPLITS}
    return dataclasses.replace(made, **parts, label_names=tuple(map(str, range(classes))))


def adapters(study: Settings, made: Prepared) -> dict[int, Adapter]:
    """Adapters at random values, with the head of the model they were taken from."""
    model = load_plain(study.model.name, made, torch.float32)
    found = {}
    for rank in study.lora.ranks:
        adapt(model, [config_of(study.lora, rank, "toy")], [0])
        randomise(model, seed=rank)
        found[rank] = extract(model)
        eject(model)
    return found


def write(study: Settings, made: Prepared, root: Path) -> None:
    """Write what the stages `cost` and `speed` read."""
    prepared.save(made, root / "data/prepared")
    write_study(root / "metrics", study, num_sentences=30, num_classes=made.num_labels)
    for seed in study.seeds:
        for rank, adapter in adapters(study, made).items():
            peft_format.save(adapter, root / f"data/adapters/r{rank}/s{seed}")
        full = root / f"data/full/s{seed}/model.safetensors"
        full.parent.mkdir(parents=True)
        full.write_bytes(bytes(1234))


def _pad(family: str) -> int:
    assert VOCABULARY > 5
    return FAMILIES[family].config.pad_token_id or 0
