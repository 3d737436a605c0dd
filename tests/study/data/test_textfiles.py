"""CSV and TSV files: every cell as it was written, every flaw with its place."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.textfiles import clipped, delimited
from study.entry.errors import StudyError

# NA, null, 1e5: what a guessing reader would turn into something else.
cells = st.sampled_from(["NA", "null", "", "1e5", "007", " x "]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12
)


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_csv_cells_come_back_as_written(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    columns, _ = delimited(path)
    assert list(zip(columns["text"], columns["label"], strict=True)) == rows


def test_a_quotation_mark_in_tsv_is_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('text\tlabel\n"half a quote\t0\na "whole" one\t1\n', encoding="utf-8")
    columns = {"text": ['"half a quote', 'a "whole" one'], "label": ["0", "1"]}
    assert delimited(path) == (columns, [])


@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_a_tsv_that_was_written_with_quotes_comes_back_as_it_was(
    rows: list[tuple[str, str]], quoting: int, ends: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As pandas and Python write it: quoted where a cell has a quotation mark, tab or line end."""
    path = tmp_path_factory.mktemp("tsv") / "rows.tsv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", quoting=quoting, lineterminator=ends)
        writer.writerows([("text", "label"), *rows])
    columns, _ = delimited(path)
    assert list(zip(columns["text"], columns["label"], strict=True)) == rows


def test_a_tsv_as_excel_writes_it_loses_its_quotes(tmp_path: Path) -> None:
    """Excel quotes cells with a comma too, and no others."""
    path = tmp_path / "rows.tsv"
    lines = ["text\tlabel", '"Good, really"\t1', '"He said ""no"", twice"\t0', "plain\t1"]
    path.write_bytes("\r\n".join(lines).encode())
    assert delimited(path)[0]["text"] == ["Good, really", 'He said "no", twice', "plain"]
    path.write_bytes("\r\n".join([*lines, "bare, comma\t0"]).encode())  # not Excel's
    assert delimited(path)[0]["text"][0] == '"Good, really"'


@pytest.mark.parametrize(
    "text", ['"half a quote', 'a "whole" one', '"the whole cell"', '"he said ""no""', '""']
)
def test_a_tsv_that_nobody_quoted_keeps_its_quotation_marks(text: str, tmp_path: Path) -> None:
    """A writer that quotes would have written each of these cells otherwise."""
    path = tmp_path / "rows.tsv"
    path.write_text(f"text\tlabel\n{text}\t0\nplain\t1\n", encoding="utf-8")
    assert delimited(path) == ({"text": [text, "plain"], "label": ["0", "1"]}, [])


def test_blank_lines_line_ends_and_byte_order_marks_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbf\r\ntext,label\r\n\r\na,1\r\n\r\n")
    assert delimited(path) == ({"text": ["a"], "label": ["1"]}, [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", 'text;label\n"a, b";1\n'),  # Excel's, where a comma is in numbers
        ("rows.csv", "sep=;\r\ntext;label\r\na, b;1\r\n"),
        ("rows.csv", "text\tlabel\na, b\t1\n"),
        ("rows.csv", "text|label\na, b|1\n"),
        ("rows.tsv", 'text,label\n"a, b",1\n'),
        ("rows.csv", ' text , label\r"a, b",1\r'),
    ],
)
@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_what_separates_fields_is_told_by_the_header(
    name: str, content: str, coding: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode(coding))
    assert delimited(path) == ({"text": ["a, b"], "label": ["1"]}, [])


def test_a_column_that_stands_twice_or_has_no_name_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",text,id,label,id,,\n0,a,5,1,6,,\n", encoding="utf-8")
    assert delimited(path) == ({"text": ["a"], "label": ["1"]}, ["id"])
    path.write_text(",text,label\n0,a,1\n", encoding="utf-8")  # as pandas writes its index
    assert delimited(path) == ({"": ["0"], "text": ["a"], "label": ["1"]}, [])


def test_an_error_is_short_however_many_names_there_are_and_however_long() -> None:
    assert clipped(["a", "b"]) == "a, b"
    assert clipped(["x" * 50, "b", "c"], most=2) == f"{'x' * 40}..., b, ..."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"text,label\ngood,1\ncaf\xe9,0\n", "byte 0xe9 at offset 21 is not UTF-8"),
        (b"text,label\na,1\nb\n", "line 3: 1 fields; allowed: 2"),
        (b"text,label\na,b,1\n", "line 2: 3 fields; allowed: 2"),
        (b'text,label\n"a,1\n', "line 2: unexpected end of data"),
        (b"sep=;\na;b\n1\n", "line 3: 1 fields; allowed: 2, as in the header (a, b)"),
        ("text,label\na,1\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("text,label\na,1\n".encode("utf-16")[:-1], "at offset 30 is not UTF-16"),
    ],
)
def test_a_flaw_is_named_with_its_file_and_place(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(StudyError) as refused:
        delimited(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)
