"""Reads CSV and TSV files strictly.

No cell is guessed to be a number or a missing value (a review that says "null" is a text), every
row has as many fields as the header, and text is UTF-8, or UTF-16 with its mark. Fields stand
between commas in a .csv and tabs in a .tsv; where the header has none, between what it has of tabs,
semicolons, bars and commas, since Excel writes semicolons in half of Europe. They may be quoted,
but between tabs there are two dialects: as it is, where a quotation mark is one, and quoted, as
pandas, Python's csv and Excel write it. A file is quoted if it is exactly what such a writer would
have written of its own cells: a lone quotation mark would have been quoted by it, so that a file
with one is read as it stands.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError

_SEPARATORS = "\t;|,"
_EXCELS = re.compile(r"sep=([\t;|,])\r?\n")


def delimited(file: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Read a CSV or TSV file into its columns.

    Returns:
        the columns, without those that have no name where there are several; and the names that
        stand in the header more than once, which are no column.

    Raises:
        StudyError: it is empty or no UTF-8, or a row is malformed; the file and the line or byte
            are named.
    """
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 128 KiB
    text, skipped, separator = _separated(decoded(file), file.suffix.lower())
    dialect: dict[str, Any] = {"delimiter": separator, "strict": True}
    if separator == "\t" and not _quoted(text, dialect):
        dialect["quoting"] = csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), **dialect)
    try:
        header = [name.strip() for name in next(reader)]
        rows = []
        for row in reader:
            if not row:  # a blank line
                continue
            if len(row) != len(header):
                raise StudyError(
                    f"{file}, line {reader.line_num + skipped}: {len(row)} fields; "
                    f"allowed: {len(header)}, as in the header ({clipped(header)})"
                )
            rows.append(row)
    except csv.Error as error:
        raise StudyError(f"{file}, line {reader.line_num + skipped}: {error}") from error
    doubled = [name for name, times in Counter(header).items() if times > 1]
    columns = {
        name: [row[i] for row in rows] for i, name in enumerate(header) if name not in doubled
    }
    return columns, [name for name in doubled if name]


def _separated(text: str, suffix: str) -> tuple[str, int, str]:
    """Return the rows' text, how many lines stood before it, and what separates its fields."""
    said = _EXCELS.match(text)  # Excel's own way to say it
    if said:
        return text[said.end() :], 1, said[1]
    usual = "\t" if suffix == ".tsv" else ","
    header = re.split("[\r\n]", text, maxsplit=1)[0]
    found = [mark for mark in (usual, *_SEPARATORS) if mark in header]
    return text, 0, found[0] if found else usual


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
        StudyError: it is empty, or neither UTF-8 nor UTF-16 with a byte order mark: then the first
            offending byte is named.
    """
    data = file.read_bytes()
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # no UTF-8 starts so
    coding = "utf-16" if marked else "utf-8"
    try:
        text = data.decode(coding).lstrip("\ufeff\r\n")
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{file}: byte {data[error.start]:#04x} at offset {error.start} is not "
            f"{coding.upper()} ({error.reason}); allowed: UTF-8 text"
        ) from error
    if not text.strip():
        raise StudyError(f"{file}: empty; allowed: rows of texts and labels")
    if 4 * text.count("\0") > len(text):
        raise StudyError(f"{file}: UTF-16 without a byte order mark; allowed: UTF-8 text")
    return text


def clipped(names: Iterable[str], most: int = 20, length: int = 40) -> str:
    """List names in words that fit an error, however many and long they are."""
    known = list(names)
    shown = [name if len(name) <= length else f"{name[:length]}..." for name in known[:most]]
    return ", ".join([*shown, *(["..."] if len(known) > most else [])])
