"""`study.studies.companions`: what would stop another pipeline is said, and stops nothing here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from study.feasibility import check
from study.settings import whole as settings
from study.studies import companions
from tests.benchmarks.command import ROOT
from tests.pipeline import toys

OTHERS = {
    "methods.rank": 2,
    "methods.prefix.virtual_tokens": 4,
    "drift.source.name": "sentences.csv",
    "stacking.source.name": "sentences.csv",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toys.write_model(tmp_path / "toys/model")
    toys.write_csv(tmp_path / "toys/sentences.csv", toys.sentences())
    toys.write_csv(tmp_path / "sentences.csv", toys.other_sentences())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def warnings(folder: Path, **changes: Any) -> list[str]:
    """Return what is said of the toy study's settings with changes (`__` for a dot)."""
    params = folder / "params.yaml"
    params.write_bytes((ROOT / "params.yaml").read_bytes())
    own = {key.replace("__", "."): value for key, value in changes.items()}
    toys.change(params, toys.SETTINGS | OTHERS | own)
    chosen = settings.load(params)
    return companions.warnings(chosen, check.check(chosen))


def test_nothing_is_said_where_every_pipeline_can_run(folder: Path) -> None:
    assert warnings(folder) == []


@pytest.mark.parametrize(
    ("changes", "pipeline", "said"),
    [
        ({"methods__rank": 999}, "methods", "methods.rank: 999: lora: .*rank 999"),
        ({"methods__prefix__virtual_tokens": 500}, "methods", "virtual_tokens: 500; allowed"),
        ({"drift__source__name": "./no.csv"}, "drift", "drift.source.name: './no.csv'"),
        ({"stacking__source__name": "./no.csv"}, "stacking", "stacking.source.name: './no.csv'"),
        ({"stacking__selections": ["key"]}, "stacking", "stacking.selections: 'key' selects none"),
        ({"lora__layers": [0]}, "stacking", "stacking.selections: 'upper' selects none"),
        ({"lora__use_dora": True}, "stacking", "lora.use_dora: true; allowed in stacking: false"),
    ],
)
def test_what_would_stop_another_pipeline_is_said(
    folder: Path, changes: dict[str, Any], pipeline: str, said: str
) -> None:
    (found,) = warnings(folder, **changes)
    assert found.startswith(f"these settings would stop `dvc repro {pipeline}/dvc.yaml`: ")
    assert re.search(said, found), found
