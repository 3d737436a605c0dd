"""The record goes to disk and back, and what is wrong with it is said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from study.entry.errors import StudyError
from study.probes.record import read_probe
from study.records.json_file import write_json
from tests.study.fake_records import fake_arm, fake_probe

ARM = fake_arm("head_only", num_sentences=40)
PROBE = fake_probe(ARM)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_json(tmp_path / "linear_probe.json", PROBE.to_json())
    return tmp_path / "linear_probe.json"


def test_to_disk_and_back(path: Path) -> None:
    assert read_probe(path, ARM) == PROBE
    assert (PROBE.arm, PROBE.rank) == ("linear_probe", None)


def test_what_it_got_right_is_one_row(path: Path) -> None:
    right = read_probe(path, ARM).parts()
    assert right.shape == (1, 40)
    assert right.mean() == PROBE.test_score


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"test_labels": [0] * 40}, "other test sentences"),
        ({"label_names": ["a", "b"]}, "other label_names"),
        ({"test_predictions": [0, 1]}, "2 predictions for 40 test sentences"),
        ({"test_accuracy": 0.123}, "test_accuracy 0.123, but its predictions give"),
        ({"state": "of another kind"}, "state: 'of another kind'"),
        ({"surplus": 1}, "not a record of a linear probe"),
        ({"states": [{"state": "mean"}]}, "not a record of a linear probe"),
    ],
)
def test_what_is_wrong_is_said_with_the_command(path: Path, change: dict, words: str) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StudyError, match=words) as caught:
        read_probe(path, ARM)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("run `dvc repro linear_probe`")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no such file.*dvc repro linear_probe"):
        read_probe(tmp_path / "linear_probe.json", ARM)


def test_of_another_test_than_the_arms(path: Path) -> None:
    other = dataclasses.replace(ARM, test_labels=tuple(1 - label for label in ARM.test_labels))
    with pytest.raises(StudyError, match="other test sentences"):
        read_probe(path, other)
