"""JSON files: every value as it is written, and a column of several kinds by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.data.jsonfiles import beneath, columns_of
from study.entry.errors import StudyError

ROWS = [{"text": "007", "label": 1}, {"text": "null", "label": 0}]
COLUMNS = {"text": ["007", "null"], "label": [1, 0]}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(map(json.dumps, ROWS)),
        "\r\n".join(map(json.dumps, ROWS)) + "\r\n\r\n",
        "\r".join(map(json.dumps, ROWS)),
        json.dumps(COLUMNS),
    ],
    ids=["list", "indented", "lines", "lines of Windows", "lines of old Macs", "columns"],
)
def test_every_form_gives_the_values_as_written(content: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content.encode())
    assert columns_of([path]) == (COLUMNS, {})


def test_one_object_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "label": 1}\n', encoding="utf-8")
    assert columns_of([path]) == ({"text": ["a"], "label": [1]}, {})


def test_a_key_that_a_row_or_a_file_lacks_is_none_there(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text('{"text": "a"}\n{"text": "b", "label": null}\n', encoding="utf-8")
    two.write_text('{"label": 1, "text": "c"}\n', encoding="utf-8")
    columns, flaws = columns_of([one, two])
    assert columns == {"text": ["a", "b", "c"], "label": [None, None, 1]}
    assert flaws == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, "1"], "whole numbers and text"),
        (["a", 0.5], "text and numbers"),
        ([True, 1], "true/false and whole numbers"),
        ([["a"], "a"], "lists and text"),
        ([{"a": 1}, 0.5], "objects and numbers"),
    ],
)
def test_a_column_that_mixes_kinds_is_named_with_them(
    values: list[Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": "a", "other": value}) for value in values]
    path.write_text("\n".join(lines), encoding="utf-8")
    columns, flaws = columns_of([path])
    assert flaws == {"other": f"mixes {words}; allowed: one kind of value"}
    assert set(columns) == {"text"}


def test_what_pandas_and_python_write_of_a_missing_value_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": value}) for value in ("a", float("nan"), None)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert columns_of([path]) == ({"text": ["a", None, None]}, {})


def test_a_key_that_stands_twice_in_a_row_is_a_flaw_of_its_column_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first = '{"text": "a", "id": 1, "id": 2, "more": {"text": 1, "text": 2}}'
    path.write_text(first + '\n{"text": "b"}', encoding="utf-8")
    columns, flaws = columns_of([path])
    assert flaws == {"id": "stands twice in one row; allowed: once"}
    assert columns["text"] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "holder"),
    [
        ({"data": {"text": "a"}}, "data"),
        ({"version": 1, "rows": [{"text": "a"}]}, "rows"),
        ({"data": [], "more": {"words": "a"}}, None),
    ],
)
def test_a_key_is_found_beneath_a_column(
    value: dict[str, Any], holder: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([value, {}]), encoding="utf-8")
    assert beneath(columns_of([path])[0], "text") == holder


def test_whole_numbers_and_fractions_are_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"label": 1}\n{"label": 0.5}\n', encoding="utf-8")
    assert columns_of([path]) == ({"label": [1, 0.5]}, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"text": "a"\n', "line 2: no JSON"),
        ('{"text": "a"}\n{"text": "b"\n', "line 2: no JSON"),
        ("[1, 2]", "no rows; allowed: objects, one a line or in a list"),
        ('"a"', "no rows"),
        ('{"text": ["a", "b"], "label": [1]}', "its columns differ in length; allowed: a list"),
        ('{"text": {"0": "a"}, "label": {"0": 1}}', "an object of objects; allowed: a list of"),
        ("", "empty"),
    ],
)
def test_a_flaw_is_named_with_its_file_and_place(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=r"rows\.json") as refused:
        columns_of([path])
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("content", "place"),
    [("[" * 100_000 + "]" * 100_000, "no rows"), ('{"a": 1}\n' + '{"a":' * 100_000, "line 2")],
)
def test_what_stands_too_deep_is_no_row(content: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=rf"rows\.json.*{place}.*too deep inside of each other"):
        columns_of([path])


def test_a_number_that_python_does_not_read_harms_no_other_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "a", "id": {"9" * 9000}}}\n', encoding="utf-8")
    columns, flaws = columns_of([path])
    assert flaws == {}
    assert columns["text"] == ["a"]
    assert columns["id"][0] > 2**64
