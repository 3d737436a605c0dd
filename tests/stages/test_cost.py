"""Stages cost and speed at toy size: what they write, and that a clock is in one of them alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from stages import cost, speed
from study.analyses.cost import memory, table
from study.entry import command
from tests.study.analyses.cost import small

COST, MACHINE = Path("metrics/cost.json"), Path("metrics/machine/cost.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stages read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cost"])
    chosen = small.chosen()
    raw = yaml.safe_load(small.PARAMS.read_text(encoding="utf-8"))
    for section in ("model", "lora", "train", "head_only", "cost", "statistics"):
        for key in raw[section]:
            value = getattr(getattr(chosen, section), key)
            raw[section][key] = list(value) if isinstance(value, tuple) else value
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    small.write(chosen, small.data(), tmp_path)
    return tmp_path


def test_costs_are_the_same_bytes_twice_and_the_machine_is_no_part_of_them(here: Path):
    cost.main()
    once = COST.read_bytes()
    cost.main()
    assert COST.read_bytes() == once
    assert not MACHINE.exists()


def peaks(settings, folder, arms):
    """Processes of their own take seconds to start; tests/study/cost/test_memory.py has two."""
    assert Path(folder).is_dir()
    numbers = {"peak_memory_bytes": 1, "idle_memory_bytes": 1, "peak_gpu_memory_bytes": None}
    return [{"arm": arm, "rank": rank} | numbers for arm, rank in arms]


def test_speed_measures_every_arm_and_the_table_shows_it(here: Path, monkeypatch, capsys):
    cost.main()
    monkeypatch.setattr(sys, "argv", ["cost", "--table"])
    cost.main()
    assert "not measured" in capsys.readouterr().out
    monkeypatch.setattr(memory, "peaks", peaks)
    speed.main()
    capsys.readouterr()
    cost.main()
    assert "LoRA, rank 3, unmerged" in capsys.readouterr().out
    costs, machine = (json.loads(path.read_text()) for path in (COST, MACHINE))
    assert machine["device_type"] == "cpu"
    arms = [(row["arm"], row["rank"]) for row in costs["arms"]]
    arms.remove(("linear_probe", None))  # is fitted once, and not timed
    for part in ("training", "memory"):
        assert [(row["arm"], row["rank"]) for row in machine[part]] == arms
    assert [(row["precision"], row["batch_size"]) for row in machine["latency"]] == [
        ("fp32", 1),
        ("fp32", 4),
    ]
    rows = table.rows(costs, machine)
    head, probe, lora, *others = rows
    assert "-" not in lora
    assert all(row[4] != "-" and row[5] != "-" for row in (head, *others))
    assert probe[0] == "Linear probe"
    assert set(probe[4:-1]) == {"-"}


@pytest.mark.parametrize("stage", [cost, speed])
def test_adapters_that_are_missing_are_an_error(here: Path, stage, capsys):
    (here / "data/adapters").rename(here / "elsewhere")
    with pytest.raises(SystemExit) as stopped:
        command.run(stage.main)
    assert stopped.value.code == command.BAD_INPUT
    assert "data/adapters/r1/s0: no such folder" in capsys.readouterr().err
