"""Stage select on one adapter: the records that it reads beside it, and its cards left out."""

from __future__ import annotations

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
from study.metrics.measure import ACCURACY
from study.pages.selected import write
from study.pages.selected.measured import measured_logits
from study.records.json_file import write_json
from study.records.prepared import SPLITS, Prepared
from study.settings import whole

RANK, LABELS = 2, ("bad", "good")
_CARDS = ("adapter_card", "merged_card", "adapter_lines", "merged_lines", "Facts")


class Selecting:
    """Stage select in a study of one adapter of rank `RANK`."""

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
            train=dataclasses.replace(chosen.train, precision="fp32"),
        )
        logits = measured_logits(str(model), good, self._data, len(labels))
        self._record = arm_record(draw, "lora", RANK, labels, tuple(logits.argmax(1).tolist()))

    def run(self, root: Path, adapter: Path) -> None:
        """Select an adapter below `root`; what is written is taken away again."""
        metrics = root / "metrics"
        best = {"rank": RANK, "of_all": RANK, "rule": "mean", "split": "validation"}
        write_json(metrics / "sufficient_rank.json", {"recommended": best})
        write_json(metrics / f"runs/lora-r{RANK}.json", self._record.to_json())
        for name in ("summary", "data"):
            write_json(metrics / f"{name}.json", {"metric": ACCURACY})
        shutil.copytree(adapter, root / f"data/adapters/r{RANK}/s0")
        left_out = [patch.object(write, name) for name in _CARDS]
        try:
            for each in left_out:
                each.start()
            torch.set_num_threads(1)
            write.select(self._settings, self._data, root)
        finally:
            patch.stopall()
            for name in ("metrics", "data"):
                shutil.rmtree(root / name)
