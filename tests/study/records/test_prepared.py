"""Prepared data: what is saved comes back, in the same bytes every time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from study.entry.errors import StudyError
from study.records import prepared
from study.records.prepared import Prepared, Split

sentences = st.lists(
    st.tuples(st.lists(st.integers(0, 30521), min_size=1, max_size=6), st.integers(0, 2)),
    min_size=1,
    max_size=5,
)


def split(rows: list[tuple[list[int], int]]) -> Split:
    return Split(
        input_ids=torch.tensor([i for ids, _ in rows for i in ids], dtype=torch.int32),
        lengths=torch.tensor([len(ids) for ids, _ in rows], dtype=torch.int32),
        labels=torch.tensor([label for _, label in rows]),
    )


def example() -> Prepared:
    return Prepared(
        train=split([([1, 2, 3], 0), ([4], 1)]),
        validation=split([([5, 6], 2)]),
        test=split([([7], 1), ([8], 0)]),
        label_names=("bad", "good", "né"),
        model_name="package:a/b",
        max_length=8,
        pad_token_id=0,
    )


def typed(data: Split) -> Split:
    """Every token's type is its id's parity."""
    return replace(data, token_types=(data.input_ids % 2).to(torch.int8))


@given(rows=sentences, chosen=st.data())
def test_sentences_that_are_taken_out_keep_ids_labels_and_types(
    rows: list[tuple[list[int], int]], chosen: st.DataObject
) -> None:
    numbers = chosen.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    for part in (split(rows), typed(split(rows))):
        for count in (1, len(rows), None):
            first = part.first(count)
            wanted = split(rows[:count])
            wanted = wanted if part.token_types is None else typed(wanted)
            assert same(first, wanted)
        taken, wanted = part.chosen(torch.tensor(numbers)), split([rows[i] for i in numbers])
        assert same(taken, wanted if part.token_types is None else typed(wanted))


def same(one: Split, other: Split) -> bool:
    mine, others = one.tensors(), other.tensors()
    return mine.keys() == others.keys() and all(torch.equal(mine[k], others[k]) for k in mine)


@given(rows=sentences)
def test_offsets_cut_the_sentences_apart_again(rows: list[tuple[list[int], int]]) -> None:
    part = split(rows)
    edges = part.offsets.tolist()
    assert len(part) == len(rows)
    assert [part.input_ids[a:b].tolist() for a, b in itertools.pairwise(edges)] == [
        ids for ids, _ in rows
    ]


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    saved = example()
    prepared.save(saved, tmp_path / "new" / "folder")
    loaded = prepared.load(tmp_path / "new" / "folder")
    for name in prepared.SPLITS:
        for field in ("input_ids", "lengths", "labels"):
            before, after = (getattr(getattr(value, name), field) for value in (saved, loaded))
            assert before.dtype == after.dtype
            assert torch.equal(before, after)
    for field in ("label_names", "model_name", "max_length", "pad_token_id", "num_labels"):
        assert getattr(loaded, field) == getattr(saved, field)


def test_token_types_come_back_and_are_no_part_of_other_files(tmp_path: Path) -> None:
    data = example()
    prepared.save(data, tmp_path / "one")
    with safe_open(tmp_path / "one/data.safetensors", framework="pt") as file:
        assert not any("types" in name for name in file.keys())  # noqa: SIM118
    splits = {name: typed(getattr(data, name)) for name in prepared.SPLITS}
    prepared.save(replace(data, **splits), tmp_path / "two")
    loaded = prepared.load(tmp_path / "two")
    assert all(same(getattr(loaded, name), splits[name]) for name in prepared.SPLITS)


def test_the_same_data_are_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        prepared.save(example(), tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["data.safetensors", "prepared.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"prepared\.json"):
        prepared.load(tmp_path)
    prepared.save(example(), tmp_path)
    (tmp_path / "data.safetensors").write_bytes(b"broken")
    with pytest.raises(StudyError, match=r"data\.safetensors"):
        prepared.load(tmp_path)
    (tmp_path / "data.safetensors").unlink()
    with pytest.raises(StudyError, match=r"data\.safetensors"):
        prepared.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"test.lengths": torch.tensor([1, 2], dtype=torch.int32)},
        {"test.lengths": torch.tensor([2, 0], dtype=torch.int32)},
        {"test.lengths": torch.tensor([1, 1])},
        {"test.labels": torch.tensor([0, 3])},
        {"test.labels": torch.tensor([0, -1])},
        {"test.labels": torch.tensor([0.0, 1.0])},
        {"test.labels": torch.tensor([0, 1, 1])},
        {"test.labels": torch.tensor([[0, 1]])},
        {"test.input_ids": torch.tensor([7, -8], dtype=torch.int32)},
        {"test.input_ids": torch.tensor([7.0, 8.0])},
        {"test.token_types": torch.tensor([1], dtype=torch.int8)},
    ],
)
def test_data_that_are_not_of_each_other_are_refused(
    change: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    prepared.save(example(), tmp_path)
    path = tmp_path / "data.safetensors"
    tensors = load_file(path)
    save_file(tensors | change, path)
    with pytest.raises(StudyError, match=r"data\.safetensors: not prepared data"):
        prepared.load(tmp_path)
