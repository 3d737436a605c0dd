"""An arm trained again from the commit, on the toy study: `make verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.study import Done, Study

RECORD, MACHINE = "metrics/runs/lora-r1.json", "metrics/machine/lora-r1.json"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, in which nothing may stay."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def verify(study: Study, *arm: str, status: int) -> Done:
    return study.call("python", "-m", "checks.verify", *arm, status=status)


def parsed(study: Study, name: str) -> dict[str, Any]:
    return dict(json.loads(study.text(name)))


def write(study: Study, name: str, value: Any) -> None:
    (study.root / name).write_text(json.dumps(value), encoding="utf-8")


def another_class(record: dict[str, Any]) -> None:
    """Change one prediction, of a run whose logits are not kept, and the accuracy with it."""
    run = next(r for r in record["runs"] if r["learning_rate"] != record["learning_rate"])
    run["test_predictions"][0] = 1 - run["test_predictions"][0]
    right = map(int.__eq__, run["test_predictions"], record["test_labels"])
    run["test_accuracy"] = sum(right) / len(record["test_labels"])


def test_the_same_machine_gives_the_same_bytes(study: Study, temporary: Path) -> None:
    study.append("lora/layer.py", "\nraise SystemExit  # not committed\n")
    done = verify(study, status=0)  # the headline's rank, 1
    assert "verify: lora@1 trained again gives the committed bytes\n" in done.output
    assert "what applies: bit for bit, as this is the same kind of machine" in done.output
    assert f"compared: {RECORD}, metrics/logits/lora-r1.safetensors" in done.output
    assert "without what is not committed: lora/layer.py" in done.output
    assert list(temporary.iterdir()) == []
    assert study.call("git", "status", "--porcelain").output == " M lora/layer.py\n"


def test_one_other_prediction_fails_here_and_passes_elsewhere(
    study: Study, temporary: Path
) -> None:
    record, machine = parsed(study, RECORD), parsed(study, MACHINE)
    another_class(record)
    write(study, RECORD, record)
    study.commit("One prediction is another")
    done = verify(study, "lora@1", status=1)
    assert "verify: lora@1 trained again does not give what is committed\n" in done.output
    assert f"{RECORD}: runs[0].test_accuracy" in done.output
    assert "1 of 48 in runs[0].test_predictions" in done.output

    write(study, MACHINE, machine | {"device": "Another Processor"})
    study.commit("Another machine made it")
    done = verify(study, "lora@1", status=0)
    assert "within the tolerance of what is committed: at most 1 other test" in done.output
    assert "tolerance, as this is another kind of machine: device " in done.output
    assert "instead of Another Processor" in done.output
    assert list(temporary.iterdir()) == []


def test_an_arm_that_is_not_there(study: Study, temporary: Path) -> None:
    done = verify(study, "lora@3", status=2)
    allowed = "allowed: head_only, full, lora@1, lora@2"
    assert done.output == f"error: ARM: lora@3, but there is no such arm; {allowed}\n"
    assert list(temporary.iterdir()) == []


def test_an_arm_that_was_not_committed(study: Study, temporary: Path) -> None:
    study.call("git", "rm", "--quiet", "--cached", RECORD)
    study.call("git", "commit", "--quiet", "--message", "No record")
    done = verify(study, "lora@1", status=2)
    assert done.output.startswith(f"error: {RECORD}: not in HEAD, so there is nothing to compare")
    assert list(temporary.iterdir()) == []
