"""What loads a model for an adapter: drift's passes, and stage select but for its cards."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from checks.fuzz.judge import ROOT
from checks.fuzz.study import arm_record, split
from lora.adapter import Adapter
from study.evaluation.attached import attached
from study.metrics.measure import ACCURACY
from study.models.packed import load_for
from study.pages.selected import write
from study.pages.selected.measured import measured_logits
from study.records.json_file import write_json
from study.records.prepared import SPLITS, Prepared
from study.settings import whole

RANK, LABELS = 2, ("bad", "good", "fair")  # as many as the small model has
_CARDS = ("adapter_card", "merged_card", "adapter_lines", "merged_lines", "Facts")


class Selecting:
    """A study of one adapter of rank `RANK`."""

    def __init__(self, model: Path, good: Adapter) -> None:
        """Make the data, and the record of a run that predicted what a good adapter does."""
        draw = np.random.default_rng(0)
        labels = tuple(draw.integers(0, 2, 12).tolist())
        splits: dict[str, Any] = {name: split(draw, labels) for name in SPLITS}
        self._data = Prepared(
            **splits, label_names=LABELS, model_name="m", max_length=8, pad_token_id=1
        )
        chosen = whole.load(ROOT / "params.yaml")
        self._settings = dataclasses.replace(
            chosen,
            model=dataclasses.replace(chosen.model, name=str(model)),
            lora=dataclasses.replace(chosen.lora, ranks=(RANK,), rank=RANK),
            train=dataclasses.replace(chosen.train, precision="fp32", device="cpu"),
        )
        logits = measured_logits(str(model), good, self._data, len(labels))
        predictions = tuple(logits.argmax(1).tolist())
        record = arm_record(draw, "lora", RANK, labels, predictions)
        self._record = dataclasses.replace(record, label_names=LABELS)

    def attach(self, adapter: Adapter) -> None:
        """Attach an adapter as drift does, to predict with it."""
        model = load_for(self._data, self._settings.model.name, torch.float32)
        with attached(model, [adapter], self._settings.train):
            pass

    def select(self, root: Path, adapter: Path) -> None:
        """Select an adapter below `root`; what is written is taken away again."""
        metrics = root / "metrics"
        best = {"rank": RANK, "of_all": RANK, "rule": "mean", "split": "validation"}
        write_json(metrics / "sufficient_rank.json", {"recommended": best})
        write_json(metrics / f"runs/lora-r{RANK}.json", self._record.to_json())
        for name in ("summary", "data"):
            write_json(metrics / f"{name}.json", {"metric": ACCURACY})
        shutil.copytree(adapter, root / f"data/adapters/r{RANK}/s0")
        try:
            with contextlib.ExitStack() as left_out:
                for name in _CARDS:
                    left_out.enter_context(patch.object(write, name))
                write.select(self._settings, self._data, root)
        finally:
            for name in ("metrics", "data"):
                shutil.rmtree(root / name)
