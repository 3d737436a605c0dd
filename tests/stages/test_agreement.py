"""Stage agreement: from records and logits that are in git alone, the same bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from stages import agreement
from study.analyses.results.sweep import read_results
from study.entry import command
from study.settings import whole as settings
from tests.study.analyses.agreement.made import write_logits
from tests.study.fake_records import write_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
RECORD = Path("metrics/agreement.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, records and logits, and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["agreement"])
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["seeds"], raw["blocks"] = [1, 0], []
    raw["lora"] |= {"ranks": [4, 1], "rank": 2}
    raw["statistics"]["resamples"] = 50
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_study(Path("metrics"), settings.load(), num_sentences=60, num_classes=3)
    write_logits(read_results(settings.load()), Path("metrics/logits"))
    return tmp_path


def test_it_writes_the_record_twice_the_same_and_prints_the_answer(here, capsys):
    agreement.main()
    once = RECORD.read_bytes()
    agreement.main()
    assert RECORD.read_bytes() == once
    found = json.loads(once)
    assert [row["rank"] for row in found["calibration"]] == [None, 1, 4, None]
    assert found["disagreement"]["answer"] in capsys.readouterr().out
    disagreeing = found["disagreement"]["arms"]
    assert [row["arm"] for row in disagreeing[:2]] == ["head_only", "linear_probe"]


def test_a_probe_that_is_missing_is_named_with_the_stage_to_run(here, capsys):
    Path("metrics/linear_probe.json").unlink()
    with pytest.raises(SystemExit) as stopped:
        command.run(agreement.main)
    assert stopped.value.code == command.BAD_INPUT
    said = capsys.readouterr().err
    assert "metrics/linear_probe.json: no such file" in said
    assert "run `dvc repro linear_probe`" in said
    assert not RECORD.exists()


def test_logits_that_are_missing_are_an_error_and_nothing_is_written(here, capsys):
    Path("metrics/logits/lora-r4.safetensors").unlink()
    with pytest.raises(SystemExit) as stopped:
        command.run(agreement.main)
    assert stopped.value.code == command.BAD_INPUT
    assert "metrics/logits/lora-r4.safetensors" in capsys.readouterr().err
    assert not RECORD.exists()
