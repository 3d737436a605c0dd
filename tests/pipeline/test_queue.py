"""DVC's queue, as docs/every-day.md has it: experiments side by side, from a fresh clone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import Reproduced
from tests.pipeline.study import Study

RANKS = {"in-the-sweep": 2, "outside-of-it": 4}
TARGETS = ("aggregate", "learning_rate")  # of all commands, as what else follows them takes long
APPLIED = ("select", "shuffled_labels")  # whose cached outputs `dvc exp apply` asks for as well
POLLS = 500  # of `dvc queue status`, of which one takes a second or so; the queue takes about 30
ENDED = ("Success", "Failed", "Killed")


@pytest.fixture
def clone(reproduced: Reproduced, tmp_path: Path) -> Iterator[Study]:
    """A fresh clone that got the results' data, as by `dvc pull`; no worker outlives the test."""
    clone = reproduced.study.clone(tmp_path / "clone")
    shutil.copytree(reproduced.study.root / ".dvc/cache", clone.root / ".dvc/cache")
    clone.call("dvc", "checkout")
    assert clone.repro(*TARGETS, *APPLIED).ran == []
    yield clone
    clone.call("dvc", "queue", "stop", "--kill", status=None)


def states(study: Study) -> dict[str, str]:
    """The state of each task, by its experiment's name."""
    lines = study.call("dvc", "queue", "status").output.splitlines()
    rows = [line.split() for line in lines]
    return {row[1]: row[-1] for row in rows if len(row) > 1 and row[1] in RANKS}


def committed(study: Study, name: str) -> dict[str, str]:
    """The metrics of an experiment by path, but for what they tell of the machine."""
    listed = study.call("git", "for-each-ref", "--format=%(refname)", "refs/exps").output
    (ref,) = [line for line in listed.splitlines() if line.endswith(f"/{name}")]
    names = study.call("git", "ls-tree", "-r", "--name-only", ref, "metrics/").output
    return {
        path: study.call("git", "show", f"{ref}:{path}").output
        for path in names.splitlines()
        if path.endswith(".json") and "/machine/" not in path
    }


def test_two_queued_experiments_give_what_each_gives_alone(clone: Study, tmp_path: Path) -> None:
    alone = clone.copy(tmp_path / "alone")
    for name, rank in RANKS.items():
        queued = ("--queue", "--name", name, "-S", f"lora.rank={rank}")
        clone.call("dvc", "exp", "run", *queued, *TARGETS)
    assert clone.text("params.yaml") == alone.text("params.yaml")
    clone.call("dvc", "queue", "start", "-j", "2")
    for _ in range(POLLS):
        if set((now := states(clone)).values()) <= set(ENDED) and len(now) == len(RANKS):
            break
        for name in (name for name, state in now.items() if state == "Running"):
            clone.call("dvc", "queue", "logs", "--follow", name, status=None)  # to its end
    logs = [clone.call("dvc", "queue", "logs", name, status=None).output for name in RANKS]
    assert now == dict.fromkeys(RANKS, "Success"), "\n".join(logs)

    for name, rank in RANKS.items():
        alone.call("dvc", "exp", "run", "-S", f"lora.rank={rank}", *TARGETS)
        found = committed(clone, name)
        assert found["metrics/summary.json"] != clone.text("metrics/summary.json")
        assert {"metrics/headline.json", "metrics/learning_rate.json"} < set(found)
        for path, text in found.items():
            assert text == alone.text(path), f"{name}: {path}"

    clone.call("dvc", "exp", "apply", "in-the-sweep")
    assert (
        clone.text("metrics/summary.json")
        == committed(clone, "in-the-sweep")["metrics/summary.json"]
    )
