"""Kept groups come back exactly, and only to whom they belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from study.records.prepared import Prepared
from study.records.runs import Evaluation
from study.training.checkpoints import FOLDER, Checkpoints
from study.training.loop import Run, RunResult
from tests.lora.models import generator
from tests.study import toys

LOGITS = ("validation_logits", "test_logits")
RUNS = [Run("lora", 2, 0.1, 0), Run("lora", 2, 0.1, 1)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data() -> Prepared:
    return toys.prepared()


def results() -> list[RunResult]:
    draw = generator(0)
    state = {"model.x.lora_A": torch.randn(2, 5, generator=draw), "model.c.bias": torch.zeros(2)}
    logits = [torch.randn(n, 2, generator=draw) for n in (4, 3)]
    point = Evaluation(epoch=1, step=8, score=1 / 3, loss=0.1 + 0.2)
    finished = RunResult(RUNS[0], 1, (point,), (4, 8), (0.7, 1e-17), *logits, state, None)
    lost = RunResult(RUNS[1], 0, (), (), (), torch.empty(0), torch.empty(0), {}, 3)
    return [finished, lost]


def check(found: list[RunResult] | None, expected: list[RunResult]) -> None:
    assert found is not None
    for one, other in zip(found, expected, strict=True):
        blank = {"state": {}, **{name: torch.empty(0) for name in LOGITS}}
        assert repr(replace(one, **blank)) == repr(replace(other, **blank))
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(x, other.state[name]) for name, x in one.state.items())
        for name in LOGITS:
            assert torch.equal(getattr(one, name), getattr(other, name))


def test_a_group_comes_back_exactly(data: Prepared) -> None:
    Checkpoints("lora", ("settings", 1), data).save(RUNS, results())
    check(Checkpoints("lora", ("settings", 1), data).load(RUNS), results())


def test_only_to_the_same_runs_settings_data_and_stage(data: Prepared) -> None:
    kept = Checkpoints("lora", ("settings", 1), data)
    kept.save(RUNS, results())
    for other in (RUNS[:1], RUNS[::-1], [replace(run, learning_rate=0.2) for run in RUNS]):
        assert kept.load(other) is None
    assert Checkpoints("lora", ("settings", 2), data).load(RUNS) is None
    assert Checkpoints("full", ("settings", 1), data).load(RUNS) is None
    for other_rows in ({"batching": "padded"}, {"pad_token_id": 7}):
        assert Checkpoints("lora", ("settings", 1), replace(data, **other_rows)).load(RUNS) is None
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        labels = split.labels.clone()
        labels[0] = 1 - labels[0]
        changed = replace(data, **{name: replace(split, labels=labels)})
        assert Checkpoints("lora", ("settings", 1), changed).load(RUNS) is None


def test_a_torn_file_is_as_good_as_none(data: Prepared) -> None:
    kept = Checkpoints("lora", (), data)
    kept.save(RUNS, results())
    (file,) = (FOLDER / "lora").iterdir()
    whole = file.read_bytes()
    for length in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert kept.load(RUNS) is None
    file.write_bytes(whole)
    check(kept.load(RUNS), results())


def test_they_go_with_their_stage(data: Prepared) -> None:
    one, other = Checkpoints("lora-r1", (), data), Checkpoints("lora-r2", (), data)
    one.discard()  # nothing there yet
    for kept in (one, other):
        kept.save(RUNS, results())
    one.discard()
    assert one.load(RUNS) is None
    check(other.load(RUNS), results())


def test_a_paused_group_stands_beside_the_finished_one(data: Prepared) -> None:
    kept = Checkpoints("lora", (), data)
    point = Evaluation(epoch=1, step=3, score=0.5, loss=0.25)
    paused = [replace(result, paused_at=3, standing=point) for result in results()]
    kept.save(RUNS, paused, 3)
    assert kept.load(RUNS) is None
    assert kept.load(RUNS, 4) is None
    kept.save(RUNS, results())
    check(kept.load(RUNS), results())
    check(kept.load(RUNS, 3), paused)
    check(kept.load(RUNS, 3, states=False), [replace(result, state={}) for result in paused])
    kept.discard()
    assert kept.load(RUNS, 3) is None
