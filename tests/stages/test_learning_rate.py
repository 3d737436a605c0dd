"""Stage learning_rate: from records alone, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from stages import learning_rate
from study.settings import whole as settings
from tests.study.fake_records import write_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
WRITTEN = Path("metrics/learning_rate.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and records, and nothing else."""
    monkeypatch.chdir(tmp_path)
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["seeds"], raw["blocks"] = [0, 1], []
    raw["lora"] |= {"ranks": [4, 1], "rank": 2, "scaling": "rslora"}
    raw["statistics"]["resamples"] = 50
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    write_study(Path("metrics"), settings.load(), num_sentences=60)
    return tmp_path


def test_it_writes_the_record_of_the_sweep_and_its_scaling(here):
    learning_rate.main()
    record = json.loads(WRITTEN.read_text())
    assert [row["rank"] for row in record["arms"]] == [None, 1, 4, None]
    assert record["scaling"] == "rslora"
    assert [row["rate"] for row in record["forced"]] == [0.001, 0.003]


def test_it_writes_the_same_bytes_each_time(here):
    learning_rate.main()
    once = WRITTEN.read_bytes()
    learning_rate.main()
    assert WRITTEN.read_bytes() == once
