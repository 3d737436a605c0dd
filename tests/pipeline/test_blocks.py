"""Blocks of seeds through real DVC: an added one trains itself alone, until it is told."""

from __future__ import annotations

import json
import sys

import pytest

from tests.pipeline import toys
from tests.pipeline.study import Done, Study

# What is made of all seeds; records that come out the same stop what reads them.
ANSWERS = {"check", "aggregate", "undertraining", "sufficient_rank", "agreement", "claims"}
TRAINED = {"head_only_block@1", "full_block@1", "lora_block@1-1", "lora_block@2-1"}
TARGETS = sorted(ANSWERS)


@pytest.fixture
def added(study: Study) -> tuple[Study, dict[str, bytes], Done]:
    """The study with a block more, what records it had before, and what that said."""
    before = records(study)
    toys.change(study.root / "params.yaml", {"blocks": [1]})
    return study, before, study.repro(*TARGETS)


def records(study: Study) -> dict[str, bytes]:
    """Every record and every file of logits, by path."""
    folder = study.root / "metrics"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "machine" not in path.parts
    }


def test_a_block_trains_itself_alone_and_goes_without_a_trace(
    added: tuple[Study, dict[str, bytes], Done],
) -> None:
    study, before, done = added
    assert set(done.ran) >= TRAINED | {"aggregate", "sufficient_rank", "agreement"}
    assert set(done.ran) <= TRAINED | ANSWERS
    after = records(study)
    first = {name for name in before if name.startswith(("runs/", "logits/"))}
    assert {name: after[name] for name in first} == {name: before[name] for name in first}
    block = json.loads(after["blocks/runs/lora-r2-b1.json"])
    assert sorted(run["seed"] for run in block["runs"]) == [2, 3]
    picked = json.loads(before["runs/lora-r2.json"])["learning_rate"]
    assert {run["learning_rate"] for run in block["runs"]} == {picked}
    assert json.loads(after["summary.json"])["seeds"] == [0, 1, 2, 3]
    assert json.loads(after["sufficient_rank.json"])["seeds"] == 4
    assert not (study.root / "data/adapters/r2/s2").exists()

    toys.change(study.root / "params.yaml", {"blocks": []})
    taken = study.repro(*TARGETS)
    assert not taken.trained
    left = records(study)
    assert {name: left[name] for name in before} == before


def test_a_first_block_that_came_out_otherwise_leaves_the_others_as_they_are(
    added: tuple[Study, dict[str, bytes], Done],
) -> None:
    """As in a fresh clone on another CPU: the picked rate is all that they take from it."""
    study, _, _ = added
    study.commit("A block more")
    clone = study.clone(study.root.parent / "clone")
    assert clone.repro("full_block").ran == ["prepare", "full"]
    path = study.root / "metrics/runs/full.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["runs"][0]["validation"][0]["loss"] += 1e-6
    path.write_text(json.dumps(record), encoding="utf-8")
    study.call("dvc", "commit", "--force", "full")
    assert "full_block@1" not in study.repro("full_block").ran


def test_it_goes_on_until_it_is_told_and_killed_it_goes_on_from_there(study: Study) -> None:
    whole = study.copy(study.root.parent / "whole")
    command = (sys.executable, "-m", "stages.answer", "--blocks", "2")
    toys.change(study.root / "params.yaml", {"statistics.looks": [1, 2], "blocks": [1]})
    study.repro_killed_while(r"Running stage 'lora_block@2-1'", "lora_block")
    for one in (whole, study):
        said = one.call(*command).output
        assert "of 6 verdicts told" in said
        assert "the budget of 2 blocks is spent" in said
    assert records(whole) == records(study)
    assert whole.text("params.yaml") == study.text("params.yaml")
    assert "looks: [1, 2]" in whole.text("params.yaml") or "- 1" in whole.text("params.yaml")
    record = json.loads(whole.text("metrics/sufficient_rank.json"))
    assert record["looks"] == [2, 4]
    assert whole.repro().ran == []


def test_a_budget_that_is_spent_already_is_one_error(study: Study) -> None:

    toys.change(study.root / "params.yaml", {"blocks": [1, 2]})
    said = study.call(sys.executable, "-m", "stages.answer", "--blocks", "2", status=2).output
    assert "--blocks: 2; allowed: 3 or more, as there are 3 blocks of seeds" in said
    assert "Running stage" not in said
