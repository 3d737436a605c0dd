"""Epochs and rates that the study chooses: the same in every arm, and in the records."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from stages import full, lora, prepare
from study.records.checked import CHECKED, write_checked
from study.records.json_file import read_json
from study.records.runs import read_arm
from tests.pipeline import toys
from tests.study.companion_settings import ROOT

RATES = {"lora-r2": (0.01, 0.02), "full": (0.0005, 0.001)}  # of a model 32 wide


def test_every_arm_trains_as_long_and_tries_two_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.write_model(tmp_path / "toys/model")
    toys.write_csv(tmp_path / "toys/sentences.csv", toys.sentences())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    automatic = {"train.epochs": "auto", "train.early_stopping": None}
    automatic |= {"lora.learning_rates": "auto", "full.learning_rates": "auto"}
    toys.change(tmp_path / "params.yaml", toys.SETTINGS | automatic | {"seeds": [0]})
    write_checked(tmp_path / CHECKED, "packed", "fit")
    monkeypatch.chdir(tmp_path)
    for stage, *arguments in ((prepare,), (full,), (lora, "--rank", "2")):
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        stage.main()
    training = read_json("metrics/data.json")["training"]
    assert training == {"epochs": 30, "steps": 180, "chosen": True}
    for name, rates in RATES.items():
        record = read_arm(f"metrics/runs/{name}.json")
        assert record.learning_rates == rates
        for run in record.runs:
            assert len(run.validation) == 30
            assert run.loss_steps[-1] == 180
