"""Reading: every form of a source gives the same rows, touches no network and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.data.reading import CONVERSATIONS, Query, Rows, read, read_columns
from study.data.wanted import NAMES
from study.entry.errors import StudyError
from study.studies.instruct.pairs.forms import FORMS

pytestmark = pytest.mark.usefixtures("no_network")

TEXTS = ("null", 'say "no"', "a, b\tc", "null")
LABELS = (0, 1, 1, 0)
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]


def query(name: Path | str, **changes: Any) -> Query:
    defaults: dict[str, Any] = {
        "name": str(name),
        "subset": None,
        "split": "train",
        "text": "text",
        "label": "label",
        "where": (),
        "prefix": "data.",
    }
    return Query(**(defaults | changes))


def refusal(wanted: Query) -> str:
    with pytest.raises(StudyError) as refused:
        read(wanted)
    return str(refused.value)


def as_csv(path: Path) -> None:
    pd.DataFrame(ROWS).to_csv(path, index=False)


def as_tsv(path: Path) -> None:
    rows = [f"{row['text']}\t{row['label']}".replace("b\tc", "b c") for row in ROWS]
    path.write_text("\n".join(["text\tlabel", *rows]), encoding="utf-8")


def as_jsonl(path: Path) -> None:
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")


def as_json(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=2), encoding="utf-8")


def as_parquet(path: Path) -> None:
    pd.DataFrame(ROWS).to_parquet(path)


WRITERS = {"csv": as_csv, "tsv": as_tsv, "jsonl": as_jsonl, "json": as_json, "parquet": as_parquet}
FORMATS = pytest.mark.parametrize(("suffix", "write"), WRITERS.items(), ids=WRITERS)


def plain(rows: Rows) -> tuple[list[str], list[str]]:
    """Texts with white space as one blank, labels as text: what all formats can hold."""
    return [" ".join(str(text).split()) for text in rows.texts], [str(v) for v in rows.labels]


EXPECTED = ["null", 'say "no"', "a, b c", "null"], ["0", "1", "1", "0"]


@FORMATS
def test_every_format_gives_the_same_rows(
    suffix: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / f"rows.{suffix}"
    write(path)
    rows = read(query(path))
    assert plain(rows) == EXPECTED
    assert rows.display_name == path.name
    assert rows.classes is None


@FORMATS
def test_a_folder_of_files_has_the_splits_that_their_names_say(
    suffix: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / f"test.{suffix}")
    (folder / "README.md").write_text("Reviews.", encoding="utf-8")
    assert plain(read(query(folder, split="test"))) == EXPECTED
    assert "data.split: 'train' is not in" in refusal(query(folder))
    assert "allowed: test" in refusal(query(folder))


def test_two_columns_of_text_are_read_as_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"q": "a", "p": "b", "label": 0}, {"q": None, "p": "c", "label": 1}, {"q": "d"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read(query(path, text=("q", "p"))).texts == (("a", "b"), ("", "c"), ("d", ""))
    assert "data.text: " in refusal(query(path, text=("q", "r")))
    assert "has no column 'r'; allowed: q, p, label" in refusal(query(path, text=("q", "r")))
    assert "data.text: column 'label' of" in refusal(query(path, text=("q", "label")))


def test_what_is_not_asked_for_may_be_of_any_kind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    others: list[Any] = [None, "2020-01-01", 5, {"deep": [1]}]
    lines = [json.dumps(row | {"other": x}) for row, x in zip(ROWS, others, strict=True)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert plain(read(query(path))) == EXPECTED


@pytest.mark.parametrize(
    "value", [18446744073709551615, {"tags": ["x", 1]}, [1, "q"], {"id": 1}], ids=str
)
def test_what_arrow_cannot_hold_is_no_matter_where_nobody_asks_for_it(
    value: object, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row | {"other": value}) for row in ROWS]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert plain(read(query(path))) == EXPECTED
    said = refusal(query(path, text="words"))
    assert "has no column 'words'; allowed: text, label, other" in said


def test_a_number_that_is_too_large_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "label": 18446744073709551616}', encoding="utf-8")
    assert "data.label: column 'label' of" in (said := refusal(query(path)))
    assert "is too large" in said


def test_a_folder_whose_test_file_has_fewer_columns_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    as_jsonl(folder / "train.jsonl")
    (folder / "test.jsonl").write_text('{"text": "a"}', encoding="utf-8")
    assert plain(read(query(folder))) == EXPECTED


def test_a_text_of_digits_stays_one(tmp_path: Path) -> None:
    """Through `datasets`, a column that is null at first and mixed later loses its zeros."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": null, "label": 1}\n{"text": "007", "label": 0}', encoding="utf-8")
    assert read(query(path)).texts == (None, "007")


def test_a_saved_data_set_keeps_the_names_and_order_of_its_classes(tmp_path: Path) -> None:
    labels = datasets.ClassLabel(names=["good", "bad"])
    features = datasets.Features({"text": datasets.Value("string"), "label": labels})
    table = datasets.Dataset.from_dict({"text": TEXTS, "label": [0, 1, -1, 0]}, features=features)
    table.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"test": table}).save_to_disk(tmp_path / "many")
    one, many = read(query(tmp_path / "one")), read(query(tmp_path / "many", split="test"))
    assert one.classes == many.classes == ("good", "bad")
    assert one.labels == many.labels == ("good", "bad", None, "good")
    assert "allowed: test" in refusal(query(tmp_path / "many", split="dev"))


def test_a_file_that_changed_is_read_anew_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, cache = tmp_path / "scratch", tmp_path / "cache"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(cache))
    path = tmp_path / "rows.jsonl"
    for text in ("before", "after!"):
        path.write_text(json.dumps({"text": text, "label": 1}), encoding="utf-8")
        os.utime(path, (0, 0))
        assert read(query(path)).texts == (text,)
    assert not list(scratch.iterdir())
    assert not cache.exists()
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["rows.jsonl"]


@pytest.mark.parametrize("wanted", [1, "1", True])
def test_rows_are_kept_by_value_however_it_is_written(wanted: object, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,label,kind\na,0,{wanted}\nb,1,other\nc,1,{wanted}\n", encoding="utf-8")
    assert read(query(path, where=(("kind", wanted),))).texts == ("a", "c")
    assert read(query(path, where=(("kind", wanted), ("label", 1)))).texts == ("c",)


def test_a_value_or_column_to_keep_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label,kind\na,0,x\nb,1,y\n", encoding="utf-8")
    message = refusal(query(path, where=(("kind", "z"),)))
    assert message.startswith("data.where.kind: no row of")
    assert message.endswith("has 'z'; allowed: x, y")
    message = refusal(query(path, where=(("source", "imdb"),)))
    assert message.startswith("data.where.source: no such column")
    assert message.endswith("allowed: text, label, kind, or data.where null")


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        ('{"text": "a", "label": 1}', {"text": "txt"}, "data.text: {path} has no column 'txt'; "),
        ('{"text": "a", "label": 1}', {"label": "y"}, "data.label: {path} has no column 'y'; "),
        ('{"text": "a", "label": 1}', {"prefix": "data.test_", "text": "t"}, "data.test_text: "),
        ('{"text": "a", "label": 1}', {"subset": "en"}, "data.subset: 'en'; allowed for the file"),
        ('{"text": 5, "label": 1}', {}, "data.text: column 'text' of {path} holds int64"),
        ('{"text": "a", "label": [1]}', {}, "data.label: column 'label' of {path} holds List"),
        ('{"text": "a"', {}, "{path}, line 1: no JSON"),
        (
            '{"text": "a", "label": 1}\n{"text": "b", "label": "1"}',
            {},
            "data.label: column 'label' of {path} mixes whole numbers and text; allowed: one kind",
        ),
        (
            '{"text": "a", "label": 1, "lang": 1}\n{"text": "b", "label": 1, "lang": "en"}',
            {"where": (("lang", "en"),)},
            "data.where.lang: column 'lang' of {path} mixes whole numbers and text",
        ),
        ("", {}, "{path}: empty"),
    ],
)
def test_what_cannot_be_read_is_named(
    content: str, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content, encoding="utf-8")
    assert refusal(query(path, **changes)).startswith(words.format(path=path))


@pytest.mark.parametrize(
    "name", ["rows.csv", "rows.tsv", "rows.json", "rows.jsonl", "set/train.json"]
)
def test_a_byte_that_is_no_utf8_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'{"text": "caf\xe9", "label": 1}')
    source = path.parent if path.parent.name == "set" else path
    assert "byte 0xe9 at offset 13 is not UTF-8" in refusal(query(source))


def test_a_broken_parquet_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"none")
    assert "rows.parquet cannot be read" in refusal(query(tmp_path / "rows.parquet"))
    (tmp_path / "empty").mkdir()
    assert "no data files in" in refusal(query(tmp_path / "empty"))
    (tmp_path / "rows.csv").write_text("text,label\n", encoding="utf-8")
    assert "has no rows" in refusal(query(tmp_path / "rows.csv"))


README = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': bad
          '1': good
"""


def test_a_folder_as_on_the_hub_has_the_classes_that_its_readme_tells(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    as_parquet(tmp_path / "data/train-00000-of-00001.parquet")
    (tmp_path / "README.md").write_text(f"{README}---\n", encoding="utf-8")
    rows = read(query(tmp_path))
    assert (rows.classes, rows.labels) == (("bad", "good"), ("bad", "good", "good", "bad"))


def test_a_readme_that_says_which_files_to_read_is_followed(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv")
    as_parquet(tmp_path / "b.parquet")
    assert "holds files of several formats (a.csv, b.parquet)" in refusal(query(tmp_path))
    chosen = "configs:\n- config_name: default\n  data_files: a.csv"
    (tmp_path / "README.md").write_text(f"{README}{chosen}\n---\n", encoding="utf-8")
    assert plain(read(query(tmp_path))) == EXPECTED


def test_hidden_files_and_notes_on_the_data_are_no_data(tmp_path: Path) -> None:
    as_csv(tmp_path / "part-0.csv")
    for name in (".vscode/settings.json", "dataset_infos.json", "_SUCCESS", "._part-0.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    assert plain(read(query(tmp_path))) == EXPECTED


def test_a_folder_that_datasets_would_read_as_something_else_is_refused(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv")
    for name in ("b.txt", "c.txt"):
        (tmp_path / name).write_text("good", encoding="utf-8")
    assert re.search(
        r"has for this split .\.txt; allowed: files of one format", refusal(query(tmp_path))
    )


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"text": ["a"]}, "data.label: column 'label' of {name} is not in b.parquet"),
        (
            {"text": ["a"], "label": ["1"]},
            "data.label: column 'label' of {name} holds int64 in a.parquet and string in b.parquet",
        ),
    ],
)
def test_parquet_files_that_do_not_go_together_are_told_by_the_column(
    second: dict[str, Any], words: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table(second), tmp_path / "b.parquet")
    assert refusal(query(tmp_path)).startswith(words.format(name=tmp_path))
    found = read_columns(query(tmp_path), ["text", "more"])  # to whom the label is nothing
    assert (found.values, found.rows) == ({"text": ("a", "a")}, 2)


def test_a_column_that_stands_twice_in_parquet_is_told_where_it_is_asked_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.parquet"
    columns = [pa.array([value]) for value in ("a", 1, "b", "c")]
    pq.write_table(pa.Table.from_arrays(columns, names=["text", "label", "id", "id"]), path)
    assert read(query(path)).texts == ("a",)
    assert "data.text: column 'id' of" in refusal(query(path, text="id"))


def test_the_columns_that_another_study_reads_are_those_of_its_forms() -> None:
    assert set(CONVERSATIONS) == {form.needed for form in FORMS.values()}


def test_a_hub_id_without_a_network_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    message = refusal(query("someone/reviews", subset="en"))
    assert message.startswith(
        "data.name: looked for 'someone/reviews' as a path here and as a data set on the "
        "Hugging Face hub, subset 'en', split 'train': "
    )
    assert "\n" not in message


def test_a_class_that_the_data_do_not_name_is_refused(tmp_path: Path) -> None:
    labels = datasets.ClassLabel(names=["good", "bad", "third"])
    features = datasets.Features({"text": datasets.Value("string"), "label": labels})
    rows = {"text": ["a", "b"], "label": [0, 2]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "data")
    about = tmp_path / "data/dataset_info.json"
    told = json.loads(about.read_text())
    told["features"]["label"]["names"].pop()
    about.write_text(json.dumps(told))
    assert "holds the class 2; allowed: below 2" in refusal(query(tmp_path / "data"))


@pytest.mark.parametrize("told", ["[]", '{"features": {"text": 3}}', '{"features": {"text": []}}'])
def test_a_damaged_folder_of_arrow_cannot_be_read(told: str, tmp_path: Path) -> None:
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "data")
    (tmp_path / "data/dataset_info.json").write_text(told)
    assert f"data.name: {tmp_path / 'data'} cannot be read" in refusal(query(tmp_path / "data"))


def test_text_that_is_no_utf8_in_parquet_cannot_be_read(tmp_path: Path) -> None:
    bad = pa.array([b"a", b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": bad, "label": [0, 1]}), tmp_path / "data.parquet")
    said = refusal(query(tmp_path / "data.parquet"))
    assert "cannot be read: " in said
    assert "sequence at string index 1" in said


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_of_very_many_columns_those_that_are_asked_for_are_read(
    suffix: str, tmp_path: Path
) -> None:
    names = [f"c{i}" for i in range(2 * NAMES)]
    table = pd.DataFrame([dict.fromkeys(names, "x") | row for row in ROWS])
    path = tmp_path / f"data.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    elif suffix == "jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    rows = read(query(path))
    assert (rows.texts, tuple(map(int, rows.labels))) == (TEXTS, LABELS)
    assert "no column 'none'; allowed: c0, c1" in refusal(query(path, text="none"))
