"""Good data files in every form that is read, and files that are odd and yet well formed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from numpy.random import Generator

from checks.fuzz.damage import one

Rows: TypeAlias = Sequence[tuple[Any, Any]]  # text and label
_WORDS = tuple(
    [
        "film",
        "plot",
        "cast",
        "score",
        "script",
        "scene",
        "drama",
        "story",
        "dull",
        "warm",
        "witty",
        "cold",
        "brave",
        "slow",
    ]
)
LABELS: tuple[Any, ...] = (
    *("nan", "NaN", "null", "", " ", "-1", "007", "1.0", "1e3", "inf", "-inf", "1_000", "٣", "²"),
    *("9" * 400, "9" * 6000, "0." + "1" * 60, "x" * 5000, "a\nb", "a\0b", "é\u202e", "=1+1", '"'),
    *("../../up", "<b>", "{{x}}", "$(x)", "class 0", "true", "0x1F", "-0", "+1", "1.", ".5", "a,b"),
)
_PAGE = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: train.csv
---
"""
TEXTS: tuple[str, ...] = (
    *("", " ", '"', '""', "a\0b", "a\tb c d e", "a,b;c|d", "\u202eabc", "null", "=1+1", "\ufeff"),
    *("a\nb\r\nc", "<script>", "é" * 3000, "a" * 40_000, "\x1b[31m red", "ab \u2028 cd", "\x85"),
)


def rows(draw: Generator, count: int = 40) -> list[tuple[str, str]]:
    """Return sentences of two classes that have little in common."""
    return [
        (" ".join(one(draw, _WORDS) for _ in range(6)) + f" {i}", ("bad", "good")[i % 2])
        for i in range(count)
    ]


def as_csv(rows: Rows, path: Path, separator: str = ",") -> None:
    """Write a CSV file."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator)
    writer.writerows([("text", "label"), *rows])
    path.write_text(stream.getvalue(), encoding="utf-8", errors="surrogatepass", newline="")


def as_tsv(rows: Rows, path: Path) -> None:
    """Write a TSV file that quotes where it must."""
    as_csv(rows, path, "\t")


def as_jsonl(rows: Rows, path: Path) -> None:
    """Write an object a line."""
    lines = (json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    path.write_text("".join(lines), encoding="utf-8")


def as_json(rows: Rows, path: Path) -> None:
    """Write a list of objects."""
    path.write_text(json.dumps([{"text": t, "label": x} for t, x in rows]), encoding="utf-8")


def as_parquet(rows: Rows, path: Path) -> None:
    """Write a Parquet file."""
    texts, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({"text": list(texts), "label": list(labels)}), path)


def as_arrow(rows: Rows, path: Path) -> None:
    """Write a folder as `datasets` saves one."""
    texts, labels = zip(*rows, strict=True)
    Dataset.from_dict({"text": list(texts), "label": list(labels)}).save_to_disk(path)


def as_folder(rows: Rows, path: Path) -> None:
    """Write a folder of files whose README tells the splits."""
    path.mkdir()
    as_csv(rows, path / "train.csv")
    (path / "README.md").write_text(_PAGE, encoding="utf-8")


Writer: TypeAlias = Callable[[Rows, Path], None]
FORMS: dict[str, tuple[str, Writer]] = {
    "csv": ("data.csv", as_csv),
    "tsv": ("data.tsv", as_tsv),
    "jsonl": ("data.jsonl", as_jsonl),
    "json": ("data.json", as_json),
    "parquet": ("data.parquet", as_parquet),
    "arrow": ("data", as_arrow),
    "folder": ("data", as_folder),
}


def wide(form: str, path: Path, columns: int) -> None:
    """Write few rows with very many columns, of which the last two are read."""
    names = [f"c{i}" for i in range(columns)]
    if form == "csv":
        head, row = ",".join(names), "," * columns
        path.write_text(f"{head},text,label\n" + "".join(f"{row}{t},{x}\n" for t, x in _FEW))
    elif form == "jsonl":
        start = json.dumps(dict.fromkeys(names, 1))[:-1]
        path.write_text("".join(f'{start}, "text": "{t}", "label": "{x}"}}\n' for t, x in _FEW))
    else:
        table = {name: pa.nulls(len(_FEW)) for name in names}
        texts, labels = (pa.array(column) for column in zip(*_FEW, strict=True))
        pq.write_table(pa.table(table | {"text": texts, "label": labels}), path)


def long_line(form: str, path: Path, size: int) -> None:
    """Write a row whose text is this long, and a few others."""
    if form == "json of one line":
        path.write_text("[" + "1," * (size // 2) + "1]")
        return
    rows = [("word " * (size // 5), "good"), *_FEW]
    FORMS[form][1](rows, path)


_FEW = tuple((f"one {word} of {i} things", ["bad", "good"][i % 2]) for i, word in enumerate(_WORDS))
