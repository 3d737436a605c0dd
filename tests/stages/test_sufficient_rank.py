"""Stage sufficient_rank: from records and logits alone, the same bytes, or one clear error."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import sufficient_rank
from study.entry import command
from study.records.json_file import write_json
from study.settings import whole as settings
from tests.study.fake_logits import write_logits
from tests.study.fake_records import write_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
WRITTEN = Path("metrics/sufficient_rank.json")
ACCURACIES = {"lora-r1": 0.6, "lora-r4": 0.9, "head_only": 0.7, "full": 0.9}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, records and logits, and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gc, "collect", lambda *_: 0)  # statsmodels does, at every call
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["seeds"], raw["blocks"] = [0, 1], []
    raw["lora"] |= {"ranks": [4, 1], "rank": 2}
    raw["statistics"]["resamples"] = 50
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_study(Path("metrics"), settings.load(), num_sentences=60)
    for place, (name, accuracy) in enumerate(ACCURACIES.items()):
        right = np.random.default_rng(place).random((2, 80)) < accuracy
        write_logits(Path(f"metrics/logits/{name}.safetensors"), right, seeds=(0, 1))
    arms = [{"arm": "lora", "rank": rank, "trained": True} for rank in (1, 4)]
    write_json("metrics/undertraining.json", {"arms": arms})
    return tmp_path


def test_it_writes_the_record_of_the_sweep(here):
    sufficient_rank.main()
    record = json.loads(WRITTEN.read_text())
    assert record["recommended"]["rank"] == 4
    assert [row["rank"] for row in record["differences"]] == [1, 4]
    assert (record["sentences"], record["validation_sentences"]) == (60, 80)


def test_a_rank_that_did_not_train_is_not_recommended(here):
    arms = [{"arm": "lora", "rank": rank, "trained": rank == 1} for rank in (1, 4)]
    arms += [{"arm": "full", "rank": None, "trained": False}]
    write_json("metrics/undertraining.json", {"arms": arms})
    sufficient_rank.main()
    recommended = json.loads(WRITTEN.read_text())["recommended"]
    assert (recommended["rank"], recommended["of_all"]) == (1, 4)


def test_it_writes_the_same_bytes_each_time(here):
    sufficient_rank.main()
    once = WRITTEN.read_bytes()
    sufficient_rank.main()
    assert WRITTEN.read_bytes() == once


def test_missing_logits_are_an_error_and_nothing_is_written(here, capsys):
    Path("metrics/logits/lora-r4.safetensors").unlink()
    with pytest.raises(SystemExit) as stopped:
        command.run(sufficient_rank.main)
    assert stopped.value.code == 2
    assert "lora-r4.safetensors: no such file" in capsys.readouterr().err
    assert not WRITTEN.exists()
