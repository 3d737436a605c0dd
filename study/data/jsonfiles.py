"""Reads JSON and JSON Lines files: every value as it is written, and a mixed column by its name.

Not through `datasets`: of a column that mixes texts and numbers it reads the texts as JSON once
more ("007" becomes 7), and what it cannot read it reports in Arrow's words, without the column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from study.data.textfiles import decoded
from study.entry.errors import StudyError

Row: TypeAlias = Mapping[str, Any]

_NAMES = {str: "text", bool: "true/false", int: "whole numbers", float: "numbers"}
_NUMBERS = {"whole numbers", "numbers"}


def rows_of(file: Path) -> Sequence[Row]:
    """Read a file's rows: a list of objects, an object of lists (its columns), or one a line.

    Raises:
        StudyError: it is empty, no UTF-8 or no such JSON; the file and the line are named.
    """
    text = decoded(file)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # more than one object: one a line
            raise StudyError(f"{file}, line {error.lineno}: no JSON: {error.msg}") from error
        lines = enumerate(text.split("\n"), 1)
        found = [_line(file, number, line) for number, line in lines if line.strip()]
    if isinstance(found, Mapping):
        found = _turned(file, found)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise StudyError(f"{file}: no rows; allowed: objects, one a line or in a list")
    return found


def columns_of(files: Sequence[Path]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Read files of one table into columns; a key that a row lacks is None there.

    Returns:
        the columns of one kind of value, and of those that mix kinds what they mix, in words.

    Raises:
        StudyError: as `rows_of`.
    """
    rows = [row for file in files for row in rows_of(file)]
    columns, mixed = {}, {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kinds = dict.fromkeys(_kind(value) for value in values if value is not None)
        if len(kinds) > 1 and not _NUMBERS.issuperset(kinds):
            mixed[name] = " and ".join(kinds)
        else:
            columns[name] = values
    return columns, mixed


def _line(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise StudyError(f"{file}, line {number}: no JSON: {error.msg}") from error


def _turned(file: Path, columns: Row) -> list[Row]:
    """Turn an object of lists into rows; an object of other values is one row."""
    lists = [value for value in columns.values() if isinstance(value, list)]
    if len(lists) < len(columns) or not lists:
        return [columns]
    if len({len(values) for values in lists}) > 1:
        raise StudyError(f"{file}: its columns differ in length; allowed: lists of one length")
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), "lists" if isinstance(value, list) else "objects")
