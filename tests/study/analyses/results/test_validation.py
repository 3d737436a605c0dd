"""Validation answers from logits: the right ones, of the right seeds and sentences, or an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analyses.results.validation import read_answers
from study.entry.errors import StudyError
from study.settings import whole as settings
from study.settings.whole import Settings
from tests.study.fake_logits import write_logits
from tests.study.fake_records import with_study

PARAMS = Path(__file__).parents[4] / "params.yaml"


@pytest.fixture
def chosen() -> Settings:
    return with_study(settings.load(PARAMS), seeds=(4, 2), ranks=(8, 1), rank=8)


NAMES = ("head_only", "full", "lora-r1", "lora-r8")


def write(folder: Path, **changed: dict[str, Any]) -> None:
    """Write the logits of every arm; what a file is called has `_` for `-`."""
    for place, name in enumerate(NAMES):
        options = {"seeds": (4, 2)} | changed.get(name.replace("-", "_"), {})
        write_logits(folder / f"logits/{name}.safetensors", answers(place), **options)


def answers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((2, 50)) < 0.7


def test_answers_come_by_arm_and_by_seed_ascending(chosen, tmp_path):
    write(tmp_path)
    found = read_answers(chosen, "accuracy", tmp_path)
    assert list(found.merits) == [("head_only", None), ("full", None), ("lora", 1), ("lora", 8)]
    for place, right in enumerate(found.merits.values()):
        assert np.array_equal(right, answers(place)[::-1])  # seed 2, then seed 4
    assert found.labels.shape == (50,)


@pytest.mark.parametrize(
    ("name", "stage"), [("lora-r8", "lora@8"), ("full", "full"), ("head_only", "head_only")]
)
def test_a_missing_file_is_named_with_what_makes_it(name, stage, chosen, tmp_path):
    write(tmp_path)
    (tmp_path / f"logits/{name}.safetensors").unlink()
    with pytest.raises(StudyError, match=rf"{name}.safetensors: no such file.*dvc repro {stage}"):
        read_answers(chosen, "accuracy", tmp_path)


def test_other_seeds_are_refused(chosen, tmp_path):
    write(tmp_path, lora_r1={"seeds": (4, 3)})
    with pytest.raises(StudyError, match=r"lora-r1.*seeds \[3, 4\]; allowed: \[2, 4\].*lora@1"):
        read_answers(chosen, "accuracy", tmp_path)


def test_other_sentences_are_refused(chosen, tmp_path):
    write(tmp_path, lora_r8={"labels": np.zeros(50, np.int64)})
    with pytest.raises(StudyError, match=r"lora-r8.*other validation sentences"):
        read_answers(chosen, "accuracy", tmp_path)
