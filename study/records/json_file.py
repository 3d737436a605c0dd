"""The JSON files that stages leave for each other and for `dvc metrics`, read and written whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError

_LONGEST_ROW = 300


def read_json(path: str | Path) -> Any:
    """Parse a JSON file.

    Raises:
        StudyError: the file is missing or is not JSON; it is named.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file; the stage that writes it has not run") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise StudyError(f"{path}: not a JSON file ({error})") from error


def _refuse(constant: str) -> Any:
    """Refuse NaN and Infinity, which are no JSON and which `write_json` never writes."""
    raise ValueError(f"{constant} is no number")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` so that a person can read the file and a diff shows what changed.

    Lists of plain values stand on one line, and so does each short row of a list of rows; the
    file appears whole or not at all.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(_pretty(value) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _pretty(value: Any, indent: str = "") -> str:
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        rows = [f"{inner}{json.dumps(str(k))}: {_pretty(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + indent + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        nested = any(isinstance(item, Mapping | list | tuple) for item in value)
        if nested:
            rows = [inner + (_row(item) or _pretty(item, inner)) for item in value]
            return "[\n" + ",\n".join(rows) + "\n" + indent + "]"
        return "[" + ", ".join(_pretty(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _row(value: Any) -> str | None:
    """Write a mapping on one line, if all that it holds fits there."""
    if not isinstance(value, Mapping):
        return None
    cells = [f"{json.dumps(str(key))}: {_pretty(item)}" for key, item in value.items()]
    row = "{" + ", ".join(cells) + "}"
    return row if "\n" not in row and len(row) <= _LONGEST_ROW else None
