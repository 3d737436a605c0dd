"""Data files of an odd form: whole as a file, and yet no table of texts and labels, or barely."""

from __future__ import annotations

from pathlib import Path

from numpy.random import Generator

from checks.fuzz import datafiles
from checks.fuzz.damage import one

_MANY = ",".join(["text", "label", *map(str, range(5000))])


def write(draw: Generator, folder: Path) -> tuple[str, str]:
    """Write a file of an odd form; return what it is, and its name."""
    rows = datafiles.rows(draw)
    lines = "".join(f"{text},{label}\n" for text, label in rows)
    texts: dict[str, tuple[str, str | bytes]] = {
        "empty": ("data.csv", ""),
        "only a header": ("data.csv", "text,label\n"),
        "no header": ("data.csv", lines),
        "columns twice": ("data.csv", "text,label,label\n" + lines.replace("\n", ",x\n")),
        "text twice": ("data.csv", "text,text,label\n" + lines.replace(",", ",x,")),
        "columns without name": ("data.csv", ",,\n" + lines.replace("\n", ",x\n")),
        "rows of other lengths": ("data.csv", "text,label\n" + lines + "a,b,c\n"),
        "other ends of lines": ("data.csv", ("text,label\n" + lines).replace("\n", "\r")),
        "marked": ("data.csv", b"\xef\xbb\xbf" + ("text,label\n" + lines).encode()),
        "utf-16": ("data.csv", ("text,label\n" + lines).encode("utf-16")),
        "utf-16 without its mark": ("data.csv", ("text,label\n" + lines).encode("utf-16-le")),
        "utf-32": ("data.csv", ("text,label\n" + lines).encode("utf-32")),
        "of Excel": ("data.csv", "sep=;\ntext;label\n" + lines.replace(",", ";")),
        "nulls": ("data.csv", b"text,label\n" + lines.encode() + b"\0" * 500),
        "one open quote": ("data.csv", 'text,label\n"' + lines),
        "thousands of columns": ("data.csv", "text,label" + ",x" * 5000 + "\n" + lines),
        "names of thousands": ("data.csv", f"{_MANY}\n" + lines.replace("\n", "," * 5000 + "\n")),
        "deep": ("data.json", "[" * 5000 + "]" * 5000),
        "deep rows": ("data.jsonl", ('{"text": ' * 3000 + "1" + "}" * 3000 + "\n") * 3),
        "long number": ("data.jsonl", '{"text": "a b", "label": ' + "9" * 6000 + "}\n"),
        "key twice": ("data.jsonl", '{"text": "a", "text": "b", "label": 1}\n' * 30),
        "half a character": ("data.jsonl", '{"text": "\\ud800 a", "label": 1}\n' * 30),
        "half a key": ("data.jsonl", '{"\\ud800": 1, "text": "a b", "label": 1}\n' * 30),
        "a page": ("data.csv", "<!DOCTYPE html>\n<html><body>404</body></html>\n"),
        "a link to nothing": ("data.csv", ""),
        "a folder": ("data.csv", ""),
        "Parquet in name": ("data.parquet", lines),
        "packed": ("data.csv", b"\x1f\x8b\x08\0" + lines.encode()),
    }
    how = one(draw, sorted(texts))
    name, content = texts[how]
    path = folder / name
    if how == "a link to nothing":
        path.symlink_to("nowhere.csv")
    elif how == "a folder":
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return how, name
