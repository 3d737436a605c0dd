"""Bad data files, in every form that is read, as stage prepare reads them: up to the tokens."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from transformers.utils.logging import disable_progress_bar

from checks.families.making import CLASSIFIER, make
from checks.fuzz import datafiles, structures
from checks.fuzz.damage import damaged, damaged_json, odd, one
from checks.fuzz.datafiles import FORMS, Rows
from checks.fuzz.judge import ROOT, Made
from study.data import tokenising
from study.data.preparing import prepare
from study.data.reading import Query, read
from study.settings import whole
from study.settings.data import DataSettings

SIZES: dict[str, Any] = {"train_size": 12, "validation_size": 6, "test_size": 8}
# Large ones, which come last, one of each: few can be afforded.
GIANTS = (
    *(("csv", "wide", 1_000_000), ("jsonl", "wide", 300_000), ("parquet", "wide", 50_000)),
    *(("csv", "long", 100_000_000), ("tsv", "long", 100_000_000), ("jsonl", "long", 100_000_000)),
    ("json of one line", "long", 20_000_000),
)
FEWEST = 200  # cases with which the large ones come along


@dataclass
class Data:
    """Cases of data files."""

    name: str = "data"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Make a small model with its tokenizer, which is loaded once."""
        torch.set_num_threads(1)  # a fork must not find threads that wait for one another
        self._seed, self._giants = seed, GIANTS if cases >= FEWEST else ()
        self._first_giant = cases - len(self._giants)
        disable_progress_bar()
        self._model = str(make(folder / "model", "bert", CLASSIFIER))
        self._load_tokenizer = functools.cache(tokenising.load_tokenizer)
        self._load_tokenizer(self._model)
        chosen = dataclasses.replace(whole.load(ROOT / "params.yaml").data, where=None)
        self._settings = dataclasses.replace(chosen, max_length=32, **SIZES)

    def make(self, number: int, folder: Path) -> Made:
        """Write one source of data."""
        vars(tokenising)["load_tokenizer"] = self._load_tokenizer  # in a process of its own
        draw = np.random.default_rng([self._seed, 1, number])
        if number >= self._first_giant:
            return self._giant(*self._giants[number - self._first_giant], folder)
        form = one(draw, sorted(FORMS))
        name, write = FORMS[form]
        rows: Rows = datafiles.rows(draw)
        what = one(draw, ("bytes", "bytes", "bytes", "labels", "texts", "values", "structure"))
        if what in ("labels", "texts"):
            rows = _with_odd(draw, rows, what)
            try:
                write(rows, folder / name)
            except UnicodeEncodeError:  # what this form cannot hold
                rows = datafiles.rows(draw)
                write(rows, folder / name)
            return self._made(f"{form} odd {what}", name, rows if form != "folder" else None)
        if what == "values":
            form, name = one(draw, (("json", "data.json"), ("jsonl", "data.jsonl")))
            _write_odd_values(draw, form, folder / name)
            return self._made(f"{form} of mixed values", name)
        if what == "structure":
            how, name = structures.write(draw, folder)
            return self._made(how, name, settings=self._asked(draw))
        write(rows, folder / name)
        how = _damage(draw, folder / name)
        return self._made(f"{form} {how}", name)

    def _asked(self, draw: Generator) -> DataSettings:
        """Ask for other columns, rows or sizes."""
        changes: list[dict[str, Any]] = [
            *({}, {}, {"text": ("text", "label")}, {"label": "text"}, {"text": "x\0"}),
            *({"label": ""}, {"where": (("label", "good"),)}, {"where": (("none", 1),)}),
            *({"drop_labels": ("good",)}, {"task": "regression"}, {"train_size": 10**9}),
            *({"split": "../up"}, {"subset": "x"}),
        ]
        return dataclasses.replace(self._settings, **one(draw, changes))

    def _giant(self, form: str, what: str, size: int, folder: Path) -> Made:
        name = FORMS.get(form, ("data.json",))[0]
        (datafiles.wide if what == "wide" else datafiles.long_line)(form, folder / name, size)
        sizes: dict[str, Any] = {"train_size": 6, "validation_size": 2, "test_size": 4}
        settings = dataclasses.replace(self._settings, **sizes)
        return self._made(f"{form} {what} {size:,}", name, settings=settings)

    def _made(
        self, family: str, name: str, rows: Rows | None = None, settings: DataSettings | None = None
    ) -> Made:
        asked = dataclasses.replace(settings or self._settings, name=f"./{name}")

        def run() -> Any:
            prepared = prepare(asked, self._model)
            return None if rows is None else read(Query.of(asked, "data.")), *prepared

        return Made(
            family, run, ("data.", name, "model."), lambda found: _wrong(found, rows, asked)
        )


def _with_odd(draw: Generator, rows: Rows, what: str) -> list[tuple[Any, Any]]:
    """Put odd labels, or texts, in the place of some."""
    choices: Sequence[Any] = datafiles.LABELS if what == "labels" else datafiles.TEXTS
    few = [one(draw, choices) for _ in range(int(draw.integers(1, 4)))]
    share = one(draw, (0.1, 0.5, 1.0))
    found = []
    for text, label in rows:
        swapped = one(draw, few) if draw.random() < share else None
        changed = (text, swapped) if what == "labels" else (swapped, label)
        found.append((text, label) if swapped is None else changed)
    return found


def _write_odd_values(draw: Generator, form: str, path: Path) -> None:
    """Write rows whose values are of any kind."""
    rows = []
    for text, label in datafiles.rows(draw):
        row: dict[str, Any] = {"text": text, "label": label}
        if draw.random() < 0.3:
            row[one(draw, ("text", "label", "more", ""))] = odd(draw)
        if draw.random() < 0.1:
            row.pop(one(draw, ("text", "label")))
        rows.append(row)
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_bytes(damaged_json(draw, rows)[1])


def _damage(draw: Generator, path: Path) -> str:
    """Damage a file, or one of a folder's."""
    file = path if path.is_file() else one(draw, sorted(p for p in path.rglob("*") if p.is_file()))
    data = file.read_bytes()
    if file.suffix == ".json" and file != path:  # what `datasets` writes beside the data
        how, data = damaged_json(draw, json.loads(data))
    else:
        how, data = damaged(draw, data)
    file.write_bytes(data)
    return f"{how}" if file == path else f"{file.name} {how}"


def _wrong(found: Any, rows: Rows | None, asked: DataSettings) -> str | None:
    """Say what is wrong with data that was accepted."""
    source, prepared, report = found
    if rows is not None:
        stripped = [str(text).replace("\r\n", "\n") for text, _ in rows]
        texts = [(text or "").replace("\r\n", "\n") for text in source.texts]
        if texts != stripped or list(map(str, source.labels)) != [str(x) for _, x in rows]:
            return "accepted with other texts or labels than were written"
    for name in ("train", "validation", "test"):
        split = getattr(prepared, name)
        size = getattr(asked, f"{name}_size")
        if size is not None and len(split) != size:
            return f"accepted with {len(split)} sentences of {name}, not {size}"
        if prepared.task == "classification" and int(split.labels.max()) >= prepared.num_labels:
            return "accepted with a label that is no class"
        if not bool(torch.isfinite(split.labels.float()).all()) or int(split.lengths.min()) < 1:
            return "accepted with a label that is not finite, or an empty sentence"
    json.dumps(report, allow_nan=False)
    return None


KIND = Data()
