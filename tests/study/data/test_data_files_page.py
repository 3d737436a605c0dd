"""docs/data-files.md: every row of it, with a file as it says."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from study.data.cleaning import class_names, indices
from study.data.preparing import prepare
from study.data.reading import Query
from study.data.source import read_source
from study.entry.errors import StudyError
from tests.study.data.test_preparing import SENTENCES, WORDS, data_settings
from tests.study.tiny_models import write_bert

pytestmark = pytest.mark.usefixtures("no_network")

PAGE = (Path(__file__).parents[3] / "docs/data-files.md").read_text(encoding="utf-8")
TEXTS = [text for text, _ in SENTENCES]
LABELS = [int(mood == "good") for _, mood in SENTENCES]
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
FRAME = pd.DataFrame(ROWS)

HEADINGS = ("What is read", "Labels", "What is refused")

Writer = Callable[[Path], object]


def table(heading: str) -> dict[str, list[str]]:
    """The rows of a section's table, by their first cell."""
    (part,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = [row.strip("|").split(" | ") for row in re.findall(r"^\|.*\|$", part, re.MULTILINE)]
    cells = [[cell.strip() for cell in row] for row in rows[2:]]
    return {first: others for first, *others in cells}


def written(name: str, content: str | bytes | list[Any], coding: str = "utf-8") -> Writer:
    """A file of text, or of objects, one a line."""
    if isinstance(content, list):
        content = "\n".join(map(json.dumps, content))
    data = content if isinstance(content, bytes) else content.encode(coding)
    return lambda folder: (folder / name).write_bytes(data)


def both(*writers: Writer) -> Writer:
    return lambda folder: [write(folder) for write in writers]


def lines(
    separator: str = ",", header: str = "text,label", end: str = "\n", rows: list[Any] = ROWS
) -> str:
    cells = [f"{row['text']}{separator}{row['label']}" for row in rows]
    return end.join([*([header.replace(",", separator)] if header else []), *cells]) + end


def changed(number: int, **values: Any) -> list[dict[str, Any]]:
    return [row | values if i < number else row for i, row in enumerate(ROWS)]


def labelled(*names: Any) -> list[dict[str, Any]]:
    return [row | {"label": names[row["label"]]} for row in ROWS]


def parquet(**changes: Any) -> Writer:
    columns = {"text": pa.array(TEXTS), "label": pa.array(LABELS)} | changes
    return lambda folder: pyarrow.parquet.write_table(pa.table(columns), folder / "reviews.parquet")


def saved(split: str | None = None, **labels: Any) -> Writer:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": labels.pop("feature", datasets.Value("int64"))}
    )
    data = {"text": TEXTS, "label": LABELS} | labels
    one = datasets.Dataset.from_dict(data, features=features)
    whole = one if split is None else datasets.DatasetDict({split: one})
    return lambda folder: whole.save_to_disk(folder / "set")


CATEGORIES = pa.array(["bad", "good"]).take(pa.array(LABELS)).dictionary_encode()
INDEXED = "".join(f"{i},{r['text']},{r['label']},,\n" for i, r in enumerate(ROWS))
DOUBLED = "".join(f"{r['text']},5,{r['label']},6\n" for r in ROWS)
HALVES = both(
    written("a-train.csv", lines(rows=ROWS[:60])), written("b-train.csv", lines(rows=ROWS[60:]))
)

READ: dict[str, list[Writer]] = {
    "`.csv`": [
        written("reviews.csv", lines()),
        lambda folder: FRAME.to_csv(folder / "reviews.csv", index=False, quoting=1),
    ],
    "`.csv` with semicolons, tabs or bars": [
        *(written("reviews.csv", lines(mark)) for mark in ";\t|"),
        written("reviews.csv", "sep=;\r\n" + lines(";", end="\r\n")),
    ],
    "`.tsv` as pandas, Python or Excel write it": [
        lambda folder: FRAME.to_csv(folder / "reviews.tsv", sep="\t", index=False, quoting=1)
    ],
    "`.tsv` with a lone quotation mark": [
        written("reviews.tsv", lines("\t") + 'half a "quote\t1\n')
    ],
    "`.jsonl`, `.json` with an object a line": [
        written("reviews.jsonl", ROWS),
        written("reviews.json", [*ROWS, {"text": None}]),
    ],
    "`.json` with one list of objects": [written("reviews.json", json.dumps(ROWS, indent=1))],
    "`.json` with one object of lists": [
        written("reviews.json", json.dumps({"text": TEXTS, "label": LABELS}))
    ],
    "`.parquet`": [
        parquet(),
        parquet(label=CATEGORIES, text=pa.array(TEXTS).dictionary_encode()),
        parquet(text=pa.array(TEXTS, pa.large_string()), label=pa.array(LABELS).cast("float32")),
        parquet(text=pa.array(TEXTS, pa.string_view())),
        parquet(label=pa.array(LABELS).cast(pa.decimal128(22, 2))),
        parquet(other=pa.array([[("a", 1)]] * 128, pa.map_(pa.string(), pa.int64()))),
    ],
    "UTF-8, UTF-16 with its mark": [
        written("reviews.csv", lines(), "utf-8-sig"),
        written("reviews.tsv", lines("\t"), "utf-16"),
        written("reviews.jsonl", json.dumps(ROWS), "utf-8-sig"),
    ],
    "lines ended as in Windows or on an old Mac": [
        written("reviews.csv", lines(end="\r\n") + "\r\n"),
        written("reviews.csv", lines(end="\r")),
        written("reviews.jsonl", "\r".join(map(json.dumps, ROWS))),
    ],
    "an index, columns without a name": [
        lambda folder: FRAME.to_csv(folder / "reviews.csv"),
        written("reviews.csv", ",text,label,,\n" + INDEXED),
    ],
    "a column that stands twice": [written("reviews.csv", "text,id,label,id\n" + DOUBLED)],
    "blanks around a column's name or a label": [
        written("reviews.csv", lines(" , ").replace("text,label", " text , label"))
    ],
    "a folder of several files": [HALVES],
    "a folder of files with other columns beside": [
        both(
            written("a.csv", lines(rows=ROWS[:60])),
            written("b.csv", "text,more,label\n" + lines(",5,", header="", rows=ROWS[60:])),
        ),
        both(
            lambda folder: FRAME[:60].to_parquet(folder / "a.parquet"),
            lambda folder: FRAME[60:].assign(more=1).to_parquet(folder / "b.parquet"),
        ),
    ],
    "a folder that `save_to_disk` wrote": [saved(), saved("train")],
}

MORE = {"`.tsv` with a lone quotation mark": ['half a "quote']}  # beside the usual texts
ODD = [{"text": "odd one", "label": None}]
CLASSES: dict[str, list[tuple[Writer, tuple[str, ...]]]] = {
    '`1`, `1.0`, `"1"`': [
        (written("reviews.csv", lines(rows=labelled("0.0", "1"))), ("0", "1")),
        (written("reviews.jsonl", labelled(0.0, 1)), ("0", "1")),
        (written("reviews.jsonl", labelled("0", "1")), ("0", "1")),
    ],
    "`007`": [
        (written("reviews.csv", lines(rows=labelled("7", "007"))), ("007", "7")),
        (written("reviews.jsonl", labelled("012", "007")), ("007", "012")),
    ],
    "`true`, `false` in JSON and Parquet": [
        (written("reviews.jsonl", labelled(False, True)), ("False", "True")),
        (parquet(label=pa.array(LABELS).cast(pa.bool_())), ("False", "True")),
        (written("reviews.csv", lines(rows=labelled("false", "true"))), ("false", "true")),
    ],
    "`null`, `None`, `NA` in a CSV": [
        (written("reviews.csv", lines(rows=labelled("null", "None"))), ("None", "null"))
    ],
    "`Pos`, `pos`": [(written("reviews.csv", lines(rows=labelled("Pos", "pos"))), ("Pos", "pos"))],
    "`null` in JSON, an empty cell, `NaN`": [
        (written("reviews.jsonl", [*ROWS, *ODD]), ("0", "1")),
        (written("reviews.jsonl", [*ROWS, {"text": "odd one", "label": float("nan")}]), ("0", "1")),
        (written("reviews.csv", lines() + "odd one,\n"), ("0", "1")),
        (parquet(label=pa.array([None, *LABELS[1:]]).cast("float64")), ("0", "1")),
    ],
    "-1 of a data set that declares its classes": [
        (
            saved(feature=datasets.ClassLabel(names=["no", "yes"]), label=[-1, *LABELS[1:]]),
            ("no", "yes"),
        )
    ],
}
GAPS = ("`null` in JSON, an empty cell, `NaN`", "-1 of a data set that declares its classes")

REFUSED: dict[str, list[Writer]] = {
    "more than a tenth without label": [written("reviews.jsonl", changed(20, label=None))],
    "more than a tenth without text": [written("reviews.jsonl", changed(20, text=" "))],
    "no label at all": [
        written("reviews.csv", lines(rows=changed(128, label=""))),
        saved(feature=datasets.ClassLabel(names=["no", "yes"]), label=[-1] * 128),
    ],
    "whole numbers from 0 up, and -1": [
        written("reviews.csv", lines(rows=changed(9, label=-1))),
        parquet(label=pa.array([-1] * 9 + LABELS[9:], pa.int8())),
    ],
    "a class of one or two sentences": [written("reviews.csv", lines() + "odd one,rare\n")],
    "one class": [written("reviews.csv", lines(rows=changed(128, label=1)))],
    "labels with fractions": [written("reviews.jsonl", changed(3, label=0.5))],
    "no such column": [written("reviews.csv", lines(header="sentence,label"))],
    "no header": [written("reviews.csv", lines(header=""))],
    "a named column twice": [
        written("reviews.csv", "text,text,label\n" + lines(",5,", header="")),
        written("reviews.jsonl", '{"text": "a", "text": "b", "label": 1}\n{"text": "c"}'),
    ],
    "numbers in place of texts": [
        written("reviews.jsonl", changed(128, text=5)),
        parquet(text=LABELS),
    ],
    "lists of words": [written("reviews.jsonl", changed(128, text=["film", "is"]))],
    "several labels a text": [written("reviews.jsonl", changed(128, label=[1, 0]))],
    'labels 1 and "1" in JSON': [written("reviews.jsonl", changed(4, label="1"))],
    "rows inside of an object": [
        written("reviews.json", json.dumps({"version": 1, "data": ROWS})),
        written("reviews.jsonl", [{"id": i, "data": row} for i, row in enumerate(ROWS)]),
        lambda folder: FRAME.to_json(folder / "reviews.json", orient="table"),
    ],
    "pandas' `to_json()`": [lambda folder: FRAME.to_json(folder / "reviews.json")],
    "a broken line": [written("reviews.csv", lines() + "a,b,1\n")],
    "an unclosed quotation mark": [written("reviews.csv", lines() + '"a,1\n')],
    "broken JSON": [written("reviews.jsonl", "\n".join([*map(json.dumps, ROWS), '{"text']))],
    "half a character in JSON": [written("reviews.jsonl", [*ROWS, {"text": "\ud83d", "label": 1}])],
    "lists inside of lists without end": [written("reviews.json", "[" * 9000 + "]" * 9000)],
    "a whole file in one cell": [
        written("reviews.csv", lines() + "a" * 1_000_001 + ",1\n"),
        parquet(text=pa.array([*TEXTS, "a" * 1_000_001]), label=pa.array([*LABELS, 1])),
    ],
    "Latin-1, Windows-1252": [
        written("reviews.csv", lines() + "caf\xe9,1\n", "latin-1"),
        written("reviews.csv", lines() + "caf\xe9,1\n", "cp1252"),
    ],
    "UTF-16 without its mark": [written("reviews.csv", lines(), "utf-16-le")],
    "an empty file": [written(f"reviews.{end}", "\n") for end in ("csv", "tsv", "jsonl", "json")],
    "a header alone": [
        written("reviews.csv", "text,label\n"),
        written("reviews.json", "[]"),
        lambda folder: FRAME[:0].to_parquet(folder / "reviews.parquet"),
    ],
    "`.csv.gz`": [written("reviews.csv.gz", gzip.compress(lines().encode()))],
    "`.xlsx`, `.txt`": [written("reviews.xlsx", "PK"), written("reviews.txt", lines())],
    "`.arrow`": [lambda folder: write_arrow(folder / "reviews.arrow")],
    "a folder of packed files": [written("reviews.csv.gz", gzip.compress(lines().encode()))],
    "a folder of several formats": [
        both(written("train.csv", lines()), written("test.jsonl", ROWS))
    ],
    "a folder, one file without the column": [
        both(written("a.csv", lines()), written("b.csv", "text,other\na,1\n"))
    ],
    "a folder without that split": [written("test.csv", lines()), saved("test")],
    "a chat or instruction file": [
        written("reviews.jsonl", [{"messages": [{"role": "user", "content": t}]} for t in TEXTS])
    ],
}


def write_arrow(path: Path) -> None:
    whole = pa.table({"text": TEXTS, "label": LABELS})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, whole.schema) as stream:
        stream.write_table(whole)


def source(row: str, folder: Path) -> Path:
    """What a user would name: a file, or the folder if the row is about one."""
    first = sorted(folder.iterdir())[0]
    return folder if row.startswith("a folder") and first.is_file() else first


def cases(rows: dict[str, list[Any]]) -> Any:
    found = [(row, case) for row, several in rows.items() for case in several]
    numbers = [f"{row}-{i}" for row, several in rows.items() for i in range(len(several))]
    return pytest.mark.parametrize(("row", "case"), found, ids=numbers)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bert(tmp_path_factory.mktemp("models") / "bert", " ".join(WORDS)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def test_every_row_of_the_page_is_tried() -> None:
    for heading, tried in zip(HEADINGS, (READ, CLASSES, REFUSED), strict=True):
        assert list(table(heading)) == list(tried)


@cases(READ)
def test_a_file_is_read_as_the_page_says(row: str, case: Writer, folder: Path) -> None:
    case(folder)
    settings = data_settings(str(source(row, folder)))
    found = read_source(Query.of(settings, "data."), settings.max_dropped_share)
    more = MORE.get(row, [])
    assert found.sentences.texts == (*TEXTS, *more)
    names = class_names(found.sentences, found.classes, "")
    assert indices(found.sentences, names, "") == LABELS + [1] * len(more)


@cases(CLASSES)
def test_labels_are_the_classes_that_the_page_says(
    row: str, case: tuple[Writer, tuple[str, ...]], folder: Path, model: str
) -> None:
    write, classes = case
    write(folder)
    found, report = prepare(data_settings(str(source(row, folder))), model)
    assert found.label_names == classes
    assert report["sources"]["main"]["dropped"]["without_label"] == (row in GAPS)


@cases(REFUSED)
def test_a_file_is_refused_in_the_words_of_the_page_and_read_after_its_advice(
    row: str, case: Writer, folder: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case(folder)
    words, instead = table("What is refused")[row]
    settings = data_settings(str(source(row, folder)))
    with pytest.raises(StudyError) as refused:
        prepare(settings, model)
    pattern = ".*".join(map(re.escape, words.strip("`").split("…")))
    assert re.match(pattern, str(refused.value)), str(refused.value)
    monkeypatch.chdir(folder)
    if (changes := advised(instead)) is not None:
        new = next(folder.glob("new.*"), source(row, folder))
        prepare(replace(settings, name=str(new), **changes), model)


def advised(instead: str) -> dict[str, Any] | None:
    """Do what a cell says, in this folder; return the settings that it sets, None for no advice."""
    told = re.fullmatch(r"`([^`]+)`", instead)
    if told is None or "instruct/" in told[1]:  # words, or another study's
        return None
    code = told[1]
    words = shlex.split(code)
    if words[0] == "dvc":
        (setting,) = words[words.index("-S") + 1 :]
        key, _, value = setting.removeprefix("data.").partition("=")
        parsed = yaml.safe_load(value)
        return {key: tuple(parsed) if isinstance(parsed, list) else parsed}
    if words[0] in ("gunzip", "iconv"):
        subprocess.run(code, shell=True, check=True)
    else:
        eval(code, {"frame": FRAME, "datasets": datasets})
    return {}
