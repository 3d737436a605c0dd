"""Stage linear_probe in one process, at toy size: what it writes, says and refuses."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from stages import linear_probe
from study.entry import command
from study.probes.record import LinearProbe
from study.records import prepared
from study.records.prepared import Prepared, Split
from tests.pipeline import toys as study_toys
from tests.study import toys

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path("metrics/linear_probe.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, a model and prepared data, as the stage finds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["linear_probe"])
    study_toys.write_model(tmp_path / "toys/model")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    study_toys.change(tmp_path / "params.yaml", study_toys.SETTINGS)
    write(2)
    return tmp_path


def write(classes: int) -> Prepared:
    data = toys.prepared(train=80, validation=40, test=50)

    def small(split: Split) -> Split:  # ids within the toy vocabulary, and as many classes
        return Split(5 + split.input_ids % 20, split.lengths, split.lengths.long() % classes)

    parts = {name: small(getattr(data, name)) for name in prepared.SPLITS}
    names = tuple(f"class {i}" for i in range(classes))
    words = {"label_names": names, "model_name": "model", "max_length": 16, "pad_token_id": 0}
    made = Prepared(**parts, **words)
    prepared.save(made, "data/prepared")
    return made


@pytest.mark.parametrize("classes", [2, 4])
def test_it_writes_the_picked_probe_and_says_what_each_kind_reached(
    here: Path, capsys: pytest.CaptureFixture[str], classes: int
) -> None:
    data = write(classes)
    command.run(linear_probe.main)
    found = LinearProbe.from_json(json.loads(RECORD.read_text()))
    assert [each.state for each in found.states] == ["pooled", "first", "mean"]
    best = next(each for each in found.states if each.state == found.state)
    assert (best.c, best.validation_score) == (found.c, found.validation_score)
    for split, predictions in (
        ("validation", found.validation_predictions),
        ("test", found.test_predictions),
    ):
        labels = getattr(data, split).labels
        accuracy = float((torch.tensor(predictions) == labels).double().mean())
        assert getattr(found, f"{split}_score") == pytest.approx(accuracy)
    assert found.test_labels == tuple(data.test.labels.tolist())
    assert found.trainable_parameters == 33 * (1 if classes == 2 else classes)
    said = capsys.readouterr().out.splitlines()
    for kind, line in zip(("pooled", "first", "mean"), said, strict=False):
        assert line.startswith(f"linear probe on {kind} states: ")
        assert "% on validation at C = " in line
    assert said[-1].startswith(f"picked: {found.state} states, ")
    assert said[-1].endswith(" s")
    assert [path.name for path in Path("metrics").iterdir()] == [RECORD.name]


def test_it_writes_the_same_bytes_whatever_the_global_generator(here: Path) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        command.run(linear_probe.main)
        found.append(RECORD.read_bytes())
    assert found[0] == found[1]


def test_one_class_is_refused_and_the_record_before_stays(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run(linear_probe.main)
    before = RECORD.read_bytes()
    data = prepared.load("data/prepared")
    alike = dataclasses.replace(data.train, labels=torch.zeros_like(data.train.labels))
    prepared.save(dataclasses.replace(data, train=alike), "data/prepared")
    with pytest.raises(SystemExit) as stopped:
        command.run(linear_probe.main)
    assert stopped.value.code == command.BAD_INPUT
    assert "error: data/prepared: the training sentences are all of one class" in (
        capsys.readouterr().err
    )
    assert RECORD.read_bytes() == before
