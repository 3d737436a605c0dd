"""Validation answers from logits: the right ones, of the right seeds and sentences, or an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study.analyses.sufficiency.validation import read_validation

from study.entry.errors import StudyError
from study.settings import whole as settings
from study.settings.whole import Settings
from tests.study.analyses.sufficiency.fake_logits import write_logits
from tests.study.fake_records import with_study

PARAMS = Path(__file__).parents[4] / "params.yaml"


@pytest.fixture
def chosen() -> Settings:
    return with_study(settings.load(PARAMS), seeds=(4, 2), ranks=(8, 1), rank=8)


def answers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((2, 50)) < 0.7


def test_answers_come_by_rank_and_by_seed_ascending(chosen, tmp_path):
    for rank in (1, 8):
        write_logits(tmp_path / f"lora-r{rank}.safetensors", answers(rank), seeds=(4, 2))
    found = read_validation(chosen, tmp_path)
    assert list(found) == [1, 8]
    for rank in (1, 8):
        assert np.array_equal(found[rank], answers(rank)[::-1])  # seed 2, then seed 4


def test_a_missing_file_is_named_with_what_makes_it(chosen, tmp_path):
    write_logits(tmp_path / "lora-r1.safetensors", answers(1), seeds=(4, 2))
    with pytest.raises(StudyError, match=r"lora-r8.safetensors: no such file.*dvc repro lora@8"):
        read_validation(chosen, tmp_path)


def test_other_seeds_are_refused(chosen, tmp_path):
    write_logits(tmp_path / "lora-r1.safetensors", answers(1), seeds=(4, 3))
    with pytest.raises(StudyError, match=r"lora-r1.*seeds \[3, 4\]; allowed: \[2, 4\].*lora@1"):
        read_validation(chosen, tmp_path)


def test_other_sentences_are_refused(chosen, tmp_path):
    write_logits(tmp_path / "lora-r1.safetensors", answers(1), seeds=(4, 2))
    labels = np.zeros(50, np.int64)
    write_logits(tmp_path / "lora-r8.safetensors", answers(8), seeds=(4, 2), labels=labels)
    with pytest.raises(StudyError, match=r"lora-r8.*other validation sentences"):
        read_validation(chosen, tmp_path)
