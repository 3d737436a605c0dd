"""The sentences that every variant trains on: the study's own, prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from study.entry.errors import StudyError
from study.records import prepared
from study.records.prepared import SPLITS, Prepared, Split

DATA = Path("data/prepared")


def load_data(sentences: int | None = None) -> Prepared:
    """Read the study's prepared data, at most `sentences` of each split.

    Raises:
        StudyError: it has not been prepared.
    """
    if not DATA.exists():
        raise StudyError(f"{DATA}: not there; `dvc repro prepare` makes it")
    data = prepared.load(DATA)
    if sentences is None:
        return data
    cut = {name: first(getattr(data, name), sentences) for name in SPLITS}
    return replace(data, train=cut["train"], validation=cut["validation"], test=cut["test"])


def first(split: Split, sentences: int) -> Split:
    """Return the first sentences of a split."""
    few = split.first(sentences).tensors()
    return Split.of({name: tensor.clone() for name, tensor in few.items()})
