"""Records that no stage wrote: one error that names the file, before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from study.entry.errors import StudyError
from study.probes.record import read_probe
from study.records.checked import read_batching
from study.records.json_file import read_json
from study.records.logits import read_logits
from study.records.runs import read_arm
from tests.study.fake_records import fake_arm, fake_probe

NAN = float("nan")


def refused(read: Callable[[], Any], path: Path) -> str:
    with pytest.raises(StudyError) as error:
        read()
    said = str(error.value)
    assert str(path) in said
    assert len(said) < 1000
    return said


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": Infinity}', '{"a": ' + "9" * 9000 + "}", "[" * 100_000, "", "\x00", "{]"],
)
def test_a_file_that_write_json_never_writes_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    refused(lambda: read_json(path), path)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    refused(lambda: read_json(tmp_path), tmp_path)


@pytest.mark.parametrize("value", [[], 3, None, "packed", {}, {"batching": ["packed"]}])
def test_how_batches_are_computed_is_one_word(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "checked.json"
    path.write_text(json.dumps(value))
    assert "batching" in refused(lambda: read_batching(path), path)


def changed(value: Any, key: str, new: Any) -> Any:
    """Return parsed JSON with what a dotted key leads to replaced."""
    *parents, last = [int(k) if k.isdecimal() else k for k in key.split(".")]
    inner = value
    for parent in parents:
        inner = inner[parent]
    inner[last] = new
    return value


@pytest.mark.parametrize(
    ("key", "new"),
    [
        *(("runs", new) for new in ([], None, 3, "ab", [3], {"a": 1})),
        *(("test_labels", new) for new in ("0101", [0.5] * 20, [2] * 20, [-1] * 20, [True] * 20)),
        *(("total_parameters", new) for new in (0, -5, "9", 10**30, 1.5, None, True)),
        *(("adapter_parameters", new) for new in (-1, None, [])),
        *(("learning_rate", new) for new in (0, -1.0, "0.001", None, [0.001])),
        *(("learning_rates", new) for new in ("ab", [None], [-1.0], 0.001)),
        *(("label_names", new) for new in ([1, 2], "ab", None)),
        *(("metric", new) for new in ("none", ["accuracy"], 3)),
        *(("rank", new) for new in (0, "1", 1.5)),
        *(("runs.0.test_accuracy", new) for new in (1.5, -0.1, "1", None, True)),
        *(("runs.0.validation_accuracy", new) for new in (2, None)),
        *(("runs.0.test_predictions", new) for new in ([9] * 20, ["a"] * 20, "a" * 20, None, 3)),
        *(("runs.0.seed", new) for new in (-1, "0", 0.5, None)),
        *(("runs.0.best_epoch", new) for new in (-1, None, "3")),
        *(("runs.0.loss.step", new) for new in ([1], ["a"], None)),
        *(("runs.0.loss.value", new) for new in ([None], "ab")),
        *(("runs.0.validation", new) for new in ([], None, [{}], 3)),
        *(("runs.0.validation.0.accuracy", new) for new in (2, "a", None)),
        *(("runs.0.validation.0.loss", new) for new in ("a", None, [])),
        *(("runs.0.test_losses", new) for new in (["a"], 3)),
    ],
)
def test_a_run_that_no_training_gives_is_refused(key: str, new: Any, tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    value = changed(fake_arm("full", num_sentences=20).to_json(), key, new)
    path.write_text(json.dumps(value))
    refused(lambda: read_arm(path), path)


def test_a_run_as_it_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lora-r2.json"
    arm = fake_arm("lora", 2, num_sentences=20)
    path.write_text(json.dumps(arm.to_json()))
    assert read_arm(path) == arm


@pytest.mark.parametrize(
    ("key", "new"),
    [
        *(("c", new) for new in (0, "1", None)),
        *(("test_accuracy", new) for new in (2, None, "a")),
        *(("total_parameters", new) for new in (0, "9", None)),
        *(("test_predictions", new) for new in (["a"] * 20, [7] * 20, "ab", None)),
        *(("states", new) for new in (3, [3], [{}])),
        *(("states.0.c", new) for new in ("a", None)),
        ("metric", "none"),
        ("test_losses", "ab"),
    ],
)
def test_a_probe_that_cannot_be_is_refused(key: str, new: Any, tmp_path: Path) -> None:
    path, beside = tmp_path / "linear_probe.json", fake_arm("head_only", num_sentences=20)
    value = json.loads(json.dumps(fake_probe(beside).to_json()))
    path.write_text(json.dumps(changed(value, key, new)))
    refused(lambda: read_probe(path, beside), path)


GOOD: dict[str, Any] = {
    "s0/test": np.zeros((4, 2), np.float32),
    "s0/validation": np.zeros((4, 2), np.float32),
    "labels/test": np.zeros(4, np.int64),
    "labels/validation": np.zeros(4, np.int64),
}


@pytest.mark.parametrize(
    "change",
    [
        {"s0": np.zeros((4, 2), np.float32)},
        {"sx/test": np.zeros((4, 2), np.float32)},
        {"s0/train": np.zeros((4, 2), np.float32)},
        {"../s0/test": np.zeros((4, 2), np.float32)},
        {"s1/test": np.zeros((3, 2), np.float32)},
        {"s1/test": np.zeros(4, np.float32)},
        {"s1/test": np.full((4, 2), NAN, np.float32)},
    ],
)
def test_logits_of_other_names_or_shapes_are_refused(
    change: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "full.safetensors"
    save_file(GOOD, path)
    assert list(read_logits(path).test) == [0]
    save_file(GOOD | change, path)
    refused(lambda: read_logits(path), path)
