"""Reads JSON and JSON Lines files: every value as it is written, and a flawed column by its name.

Not through `datasets`: of a column that mixes texts and numbers it reads the texts as JSON once
more ("007" becomes 7), and what it cannot read it reports in Arrow's words, without the column.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from study.data.textfiles import decoded
from study.entry.errors import StudyError

Row: TypeAlias = Mapping[str, Any]

_NAMES = {str: "text", bool: "true/false", int: "whole numbers", float: "numbers"}
_NUMBERS = {"whole numbers", "numbers"}
_DIGITS = 4000  # of a number; Python itself reads 4300 (sys.get_int_max_str_digits)
_DEEP = "lists or objects stand too deep inside of each other; allowed: one object a row"
_PANDAS = "allowed: a list of objects, as pandas' to_json(orient='records') writes it"


class _Doubled(dict[str, Any]):
    """An object that has a key twice; its last value counts."""

    twice: frozenset[str]


def rows_of(file: Path) -> Sequence[Row]:
    """Read a file's rows: a list of objects, an object of lists (its columns), or one a line.

    Raises:
        StudyError: it is empty, no UTF-8 or no such JSON; the file and the line are named.
    """
    text = decoded(file)
    try:
        found = _loads(text)
    except RecursionError as error:
        raise StudyError(f"{file}: no rows; {_DEEP}") from error
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # more than one object: one a line
            raise StudyError(f"{file}, line {error.lineno}: no JSON: {error.msg}") from error
        lines = enumerate(re.split("\r\n|\r|\n", text), 1)
        found = [_line(file, number, line) for number, line in lines if line.strip()]
    if isinstance(found, Mapping):
        found = _turned(file, found)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise StudyError(f"{file}: no rows; allowed: objects, one a line or in a list")
    return found


def columns_of(files: Sequence[Path]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Read files of one table into columns; a key that a row lacks, and NaN, is None there.

    Returns:
        the columns of one kind of value, and of all others what is wrong with them, in words that
        follow the name: they mix kinds, or a row has them twice.

    Raises:
        StudyError: as `rows_of`.
    """
    rows = [row for file in files for row in rows_of(file)]
    twice = {name for row in rows if isinstance(row, _Doubled) for name in row.twice}
    columns, flaws = {}, {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [_value(row.get(name)) for row in rows]
        kinds = dict.fromkeys(_kind(value) for value in values if value is not None)
        if name in twice:
            flaws[name] = "stands twice in one row; allowed: once"
        elif len(kinds) > 1 and not _NUMBERS.issuperset(kinds):
            flaws[name] = f"mixes {' and '.join(kinds)}; allowed: one kind of value"
        else:
            columns[name] = values
    return columns, flaws


def beneath(columns: Mapping[str, Sequence[Any]], key: str) -> str | None:
    """Return the column whose objects, or lists of objects, have a key; None if none has."""
    for name, values in columns.items():
        first = next((value for value in values if value is not None), None)
        if isinstance(first, list) and first:
            first = first[0]
        if isinstance(first, Mapping) and key in first:
            return name
    return None


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_int=_whole)


def _whole(digits: str) -> int:
    """Return a whole number; for one of more digits than Python reads, one that is too large too.

    No column holds either: who asks for such a column is told so, with its name.
    """
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    doubled.twice = frozenset(
        key for key, times in Counter(k for k, _ in pairs).items() if times > 1
    )
    return doubled


def _value(value: Any) -> Any:
    """Return a value; NaN, as pandas and Python write what is missing, is None."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _line(file: Path, number: int, line: str) -> Any:
    try:
        return _loads(line)
    except RecursionError as error:
        raise StudyError(f"{file}, line {number}: {_DEEP}") from error
    except json.JSONDecodeError as error:
        raise StudyError(f"{file}, line {number}: no JSON: {error.msg}") from error


def _turned(file: Path, columns: Row) -> list[Row]:
    """Turn an object of lists into rows; an object of other values is one row.

    Raises:
        StudyError: its lists differ in length, or it is an object of objects, of which nobody
            knows whether they are rows or columns.
    """
    if len(columns) > 1 and all(isinstance(value, Mapping) for value in columns.values()):
        raise StudyError(f"{file}: an object of objects; {_PANDAS}")
    lists = [value for value in columns.values() if isinstance(value, list)]
    if len(lists) < len(columns) or not lists:
        return [columns]
    if len({len(values) for values in lists}) > 1:
        raise StudyError(f"{file}: its columns differ in length; {_PANDAS}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), "lists" if isinstance(value, list) else "objects")
