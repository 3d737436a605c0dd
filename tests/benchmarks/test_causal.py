"""Causal steps are measured of the same pairs, whoever trains, in all three kinds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from benchmarks.child import Child
from benchmarks.job import Job
from benchmarks.pairs import BATCH, DATA, KINDS, SYSTEM, changed, load_pairs
from benchmarks.variants.causal import collated, examples
from study.entry.errors import StudyError
from study.records import prepared
from study.records.prepared import Prepared
from tests.benchmarks.command import ROOT
from tests.pipeline.toys import change
from tests.study.batches import alike
from tests.study.studies.instruct import toys

STEPS = 3


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which instruct has been prepared, at toy size."""
    monkeypatch.chdir(tmp_path)
    toys.write_study(Path("instruct"), toys.write_model(Path("made")))
    change(Path("instruct/params.yaml"), {"model.name": "instruct/model"})
    train, validation, test = (toys.split(n, seed=n) for n in (STEPS * BATCH, 9, 8))
    prepared.save(Prepared(train, validation, test, (), "model", 96, 0, "shared"), DATA)
    return tmp_path


def test_kinds_of_pairs_have_the_same_responses() -> None:
    split = alike.pairs()
    rows = {kind: list(zip(*_rows(split, kind), strict=True)) for kind in KINDS.values()}
    for kind, found in rows.items():
        for (ids, count), (plain, own) in zip(found, rows["default"], strict=True):
            assert count == own
            assert torch.equal(ids[-count:], plain[-count:]), kind
    assert all(len(ids) == len(plain) + SYSTEM for (ids, _), (plain, _) in
               zip(rows["system"], rows["default"], strict=True))  # fmt: skip
    assert len({int(ids[0]) for ids, _ in rows["apart"]}) == len(split)
    messages = {tuple(ids[1 : 1 + SYSTEM].tolist()) for ids, _ in rows["system"]}
    assert len(messages) == 1


def _rows(split: prepared.Split, kind: str) -> tuple[list[torch.Tensor], list[int]]:
    made = changed(split, kind)
    cut: Sequence[torch.Tensor] = torch.split(made.input_ids, made.lengths.tolist())
    return list(cut), made.labels.tolist()


def test_trainer_is_asked_for_responses_alone() -> None:
    split = alike.pairs()
    batch = collated(examples(split)[:4], 7)
    for row, (length, count) in enumerate(
        zip(split.lengths[:4].tolist(), split.labels[:4].tolist(), strict=True)
    ):
        assert batch["attention_mask"][row].sum() == length
        asked = batch["labels"][row] != -100
        assert asked.nonzero()[:, 0].tolist() == list(range(length - count, length))
        assert torch.equal(batch["labels"][row][asked], batch["input_ids"][row][asked])
        assert (batch["input_ids"][row][length:] == 7).all()


def test_pairs_that_are_not_prepared_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"instruct/data/prepared: not there; `dvc repro instruct"):
        load_pairs("default", 1)


@pytest.mark.parametrize("kind", ["default", "tuned", "ours"])
def test_every_variant_trains(
    kind: str, study: Path, warm_commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(load_pairs("system", 2).train) == 2 * BATCH
    monkeypatch.setattr(sys, "executable", str(warm_commands / "python"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    child = Child(Job(kind, "causal", (0,), warmup=1, sample=STEPS, pairs="apart"))
    try:
        assert child.hear()["seconds"] > 0
        assert child.run(1)["seconds"] > 0
        assert child.finish()["first_step"] > 0
    finally:
        child.stop()
