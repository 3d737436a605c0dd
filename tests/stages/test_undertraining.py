"""Stage undertraining: what did not train, and what to do about it, from records and logits."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import undertraining
from study.entry import command
from study.records.json_file import write_json
from study.records.runs import read_arm
from study.settings import whole as settings
from tests.study.fake_logits import write_logits
from tests.study.fake_records import fake_probe, write_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
WRITTEN = Path("metrics/undertraining.json")
ACCURACIES = {"lora-r1": 0.85, "lora-r4": 0.9, "head_only": 0.7, "full": 0.9}
NAMES = [f"a class of long name, number {i}" for i in range(2)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, records and logits, and nothing else."""
    monkeypatch.chdir(tmp_path)
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["seeds"], raw["blocks"] = [0, 1], []
    raw["lora"] |= {"ranks": [4, 1], "rank": 4}
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_study(Path("metrics"), settings.load(), num_sentences=60)
    probe = fake_probe(read_arm("metrics/runs/head_only.json"), validation=0.0)
    write_json("metrics/linear_probe.json", probe.to_json())
    for place, (name, accuracy) in enumerate(ACCURACIES.items()):
        right = np.random.default_rng(place).random((2, 80)) < accuracy
        path = Path(f"metrics/logits/{name}.safetensors")
        write_logits(path, right, seeds=(0, 1), num_labels=2)
    shares = dict.fromkeys(NAMES, 0.5)
    training = {"epochs": 2, "steps": 200, "chosen": True}
    splits = {"train": {"class_shares": shares}}
    write_json("metrics/data.json", {"splits": splits, "training": training})
    return tmp_path


def untrain(rank: int) -> None:
    """Let every loss of a rank stay at guessing's."""
    path = Path(f"metrics/runs/lora-r{rank}.json")
    record = read_arm(path)
    flat = tuple(
        dataclasses.replace(run, loss_values=tuple(0.69 for _ in run.loss_values))
        for run in record.runs
    )
    write_json(path, dataclasses.replace(record, runs=flat).to_json())


def test_what_trained_is_told_to_have(here, capsys):
    undertraining.main()
    record = json.loads(WRITTEN.read_text())
    arms = {(arm["arm"], arm["rank"]): arm for arm in record["arms"]}
    assert list(arms) == [("head_only", None), ("lora", 1), ("lora", 4), ("full", None)]
    assert all(arm["trained"] for arm in arms.values())
    assert capsys.readouterr().out == ""


def test_what_did_not_train_is_said_with_the_command(here, capsys):
    untrain(4)
    undertraining.main()
    record = json.loads(WRITTEN.read_text())
    assert [arm["rank"] for arm in record["arms"] if not arm["trained"]] == [4]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "LoRA, rank 4: hardly learned"
    assert said[1] == "to train again: dvc exp run -S " + record["settings"][0]


def test_it_writes_the_same_bytes_each_time(here):
    undertraining.main()
    once = WRITTEN.read_bytes()
    undertraining.main()
    assert WRITTEN.read_bytes() == once


def test_missing_logits_are_an_error_and_nothing_is_written(here, capsys):
    Path("metrics/logits/full.safetensors").unlink()
    with pytest.raises(SystemExit) as stopped:
        command.run(undertraining.main)
    assert stopped.value.code == 2
    assert "full.safetensors: no such file" in capsys.readouterr().err
    assert not WRITTEN.exists()
