"""Reads CSV and TSV files strictly.

No cell is guessed to be a number or a missing value (a review that says "null" is a text), every
row has as many fields as the header, and text is UTF-8. CSV fields may be quoted. TSV comes in two
dialects: as it is, where a quotation mark is one, and quoted, as pandas, Python's csv and Excel
write it. A file is quoted if it is exactly what such a writer would have written of its own cells:
a lone quotation mark would have been quoted by it, so that a file with one is read as it stands.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError


def delimited(file: Path) -> dict[str, list[str]]:
    """Read a CSV or TSV file, told apart by its suffix, into its columns.

    Raises:
        StudyError: it is empty or no UTF-8, a column stands twice, or a row is malformed; the file
            and the line or byte are named.
    """
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 128 KiB
    text = decoded(file)
    dialect: dict[str, Any] = {"delimiter": ",", "strict": True}
    if file.suffix.lower() == ".tsv":
        dialect = {"delimiter": "\t", "strict": True}
        if not _quoted(text, dialect):
            dialect["quoting"] = csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), **dialect)
    try:
        header = next(reader)
        if len(set(header)) < len(header):
            raise StudyError(f"{file}: a column stands twice in {header}")
        rows = []
        for row in reader:
            if not row:  # a blank line
                continue
            if len(row) != len(header):
                raise StudyError(
                    f"{file}, line {reader.line_num}: {len(row)} fields; "
                    f"allowed: {len(header)}, as in the header {header}"
                )
            rows.append(row)
    except csv.Error as error:
        raise StudyError(f"{file}, line {reader.line_num}: {error}") from error
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def _quoted(text: str, dialect: dict[str, Any]) -> bool:
    """Whether a writer that quotes where it must, with commas too, or all would have written it."""
    if '"' not in text:
        return False
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), **dialect) if row]
    except csv.Error:
        return False
    written = _lines(text)
    for quotes in (_must, lambda cell: _must(cell) or "," in cell, lambda _: True):
        lines = ("\t".join(_written(cell, quotes(cell)) for cell in row) for row in rows)
        if _lines("\n".join(lines)) == written:
            return True
    return False


def _must(cell: str) -> bool:
    return any(mark in cell for mark in '"\t\r\n')


def _written(cell: str, quoted: bool) -> str:
    return '"' + cell.replace('"', '""') + '"' if quoted else cell


def _lines(text: str) -> list[str]:
    """A text's lines whatever their ends, without blank ones."""
    return [line for line in text.replace("\r\n", "\n").split("\n") if line]


def decoded(file: Path) -> str:
    """Return a text file's content, without a byte order mark.

    Raises:
        StudyError: it is empty, or not UTF-8: then the first offending byte is named.
    """
    data = file.read_bytes()
    try:
        text = data.decode("utf-8").removeprefix("\ufeff").lstrip("\r\n")
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{file}: byte {data[error.start]:#04x} at offset {error.start} is not UTF-8 "
            f"({error.reason}); allowed: UTF-8 text"
        ) from error
    if not text.strip():
        raise StudyError(f"{file}: empty; allowed: rows of texts and labels")
    return text
