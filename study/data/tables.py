"""Files of one format as one table of the columns that are asked for.

A flaw is told with the setting and the column, and only where somebody asks for the column: what
nobody looks at may be of any kind. Not through `load_dataset`: given the name of a format, it
reports the load over the network, and it guesses what a cell is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from study.data.jsonfiles import beneath, columns_of
from study.data.parquetfiles import table_of
from study.data.textfiles import delimited
from study.data.wanted import NAMES, Wanted
from study.entry.errors import StudyError


@dataclass(frozen=True)
class _Found:
    """What files hold.

    Attributes:
        columns: values, one a row, of every column that can be read.
        flaws: of the others, in words that follow the column's name.
        lacking: of columns that only some files have, one that has it not.
    """

    columns: dict[str, list[Any]]
    flaws: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, Path] = field(default_factory=dict)


def from_files(files: Sequence[Path], wanted: Sequence[Wanted], name: str) -> datasets.Dataset:
    """Read files of one format; of columns that nobody asks for there is the name alone.

    Args:
        name: of the source, for errors.

    Raises:
        StudyError: a file cannot be read, or one of the wanted columns stands in it twice, mixes
            kinds of values, is in some of the files alone, or stands deeper than in rows.
    """
    suffix = files[0].suffix.lower()
    if suffix == ".parquet":
        return table_of(files, wanted, name)
    found = _of_json(files) if suffix in (".json", ".jsonl") else _of_text(files)
    for one in wanted:
        _refuse(one, found, name)
    return _table(found, wanted, name)


def _of_json(files: Sequence[Path]) -> _Found:
    return _Found(*columns_of(files))


def _of_text(files: Sequence[Path]) -> _Found:
    """Join CSV and TSV files; a column that a file lacks is None there."""
    parts = [delimited(file) for file in files]
    found = _Found({})
    for file, (columns, doubled) in zip(files, parts, strict=True):
        there = f"stands twice in the header of {file.name}; allowed: once"
        found.flaws.update(dict.fromkeys(doubled, there))
        rows = max(map(len, columns.values()), default=0)
        for column in dict.fromkeys(c for others, _ in parts for c in others):
            if column not in columns:
                found.lacking.setdefault(column, file)
            found.columns.setdefault(column, []).extend(columns.get(column, [None] * rows))
    return found


def _refuse(one: Wanted, found: _Found, name: str) -> None:
    if one.column in found.flaws:
        flaw = found.flaws[one.column]
        raise StudyError(f"{one.key}: column {one.column!r} of {name} {flaw}")
    if not one.needed:
        return
    if one.column in found.lacking:
        raise StudyError(
            f"{one.key}: {found.lacking[one.column].name} of {name} has no column {one.column!r}; "
            "allowed: one in every file"
        )
    if one.column not in found.columns and (holder := beneath(found.columns, one.column)):
        raise StudyError(
            f"{one.key}: {one.column!r} of {name} stands inside of {holder!r}; allowed: rows that "
            f'have it themselves, such as {{"{one.column}": ...}}'
        )


def _table(found: _Found, wanted: Sequence[Wanted], name: str) -> datasets.Dataset:
    rows = max(map(len, found.columns.values()), default=0)
    others = itertools.islice((*found.columns, *found.flaws), NAMES)
    empty = dict.fromkeys(others, [None] * rows)
    asked = {one.column: one.key for one in wanted if one.column in found.columns}
    kept: dict[str, Any] = {column: found.columns[column] for column in asked}
    try:
        return datasets.Dataset.from_dict(empty | kept)
    except (OverflowError, UnicodeEncodeError, pa.ArrowException):
        for column, values in kept.items():  # once more, to know which it is
            try:
                datasets.Dataset.from_dict({column: values})
            except (OverflowError, UnicodeEncodeError, pa.ArrowException) as error:
                reason = _reason(values, error)
                raise StudyError(
                    f"{asked[column]}: column {column!r} of {name} {reason}"
                ) from error
        raise


def _reason(values: Sequence[Any], error: Exception) -> str:
    """Say why a column's values cannot be held, in words that follow its name."""
    if isinstance(error, OverflowError):
        return "holds a number that is too large; allowed: at most 64 bits, or text"
    if isinstance(error, UnicodeEncodeError):
        row = next((i for i, v in enumerate(values, 1) if not _is_text(v)), None)
        return f"holds half a character ({error.object[error.start]!a}) in row {row}; allowed: text"
    return "holds lists or objects that mix kinds of values; allowed: one kind"


def _is_text(value: Any) -> bool:
    """Whether a value, if it is text, can be written as UTF-8."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
