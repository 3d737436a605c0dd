"""`study.feasibility.check`: settings that cannot work are refused before anything is trained."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from study.entry.errors import StudyError
from study.feasibility import check
from study.settings import whole as settings
from tests.pipeline import toys


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    """The toy study's settings, with its model and sentences where they say."""
    folder = tmp_path_factory.mktemp("feasible")
    toys.write_model(folder / "model")
    toys.write_csv(folder / "sentences.csv", toys.sentences())
    params = folder / "params.yaml"
    params.write_bytes((Path(__file__).resolve().parents[3] / "params.yaml").read_bytes())
    places = {"model.name": f"{folder}/model", "data.name": f"{folder}/sentences.csv"}
    toys.change(params, toys.SETTINGS | places)
    return settings.load(params)


def changed(chosen: settings.Settings, section: str, **changes: Any) -> settings.Settings:
    part = dataclasses.replace(getattr(chosen, section), **changes)
    return dataclasses.replace(chosen, **{section: part})


def passes(chosen: settings.Settings) -> str:
    """Ask as stage check does; return how batches are computed."""
    batching = check.choice(chosen).batching
    check.check(chosen, batching)
    return batching


def test_a_study_that_can_work_passes(chosen: settings.Settings) -> None:
    assert passes(chosen) == "packed"


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("lora", {"rank": 33}, r"rank 33 .* 1 to 32"),
        ("lora", {"ranks": (1, 1000)}, r"rank 1000 .* 1 to 32"),
        ("lora", {"target_modules": ("qwery",)}, r"qwery.*query"),
        ("lora", {"layers": (0, 7)}, r"layers 7"),
        ("data", {"max_length": 64}, r"data.max_length: 64\b.* 32"),
        ("data", {"name": "nowhere/rows.csv"}, r"nowhere/rows.csv.* no hub is reached"),
        ("data", {"test_name": "./nowhere.tsv"}, r"nowhere.tsv.* no hub is reached"),
        ("model", {"name": "./nowhere"}, r"\./nowhere.* no hub is reached"),
    ],
)
def test_what_cannot_work_is_named(
    chosen: settings.Settings, section: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=rf"(?s){said}"):
        passes(changed(chosen, section, **changes))


def test_an_executor_that_is_not_installed_is_named(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "study.training.ray_executor", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(StudyError, match=r"train.executor: ray, .*pip install '\.\[ray\]'"):
        passes(changed(chosen, "train", executor="ray"))
