"""Reads texts and labels from a source, through `datasets`; only preparing the data imports this.

Sources on this disk go through a temporary cache, so that nothing stale is read and nothing is left
behind. Data sets of the hub use the user's own Hugging Face cache.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import datasets
import pyarrow as pa

from study.data.jsonfiles import columns_of
from study.data.textfiles import delimited
from study.data.texts import Text, parts_of
from study.entry.errors import StudyError
from study.sources.resolve import DATA_SUFFIXES, Source, resolve

Label = str | int | float | bool | None
Asked = Sequence[tuple[str, str]]
_LABEL_TYPES = ("string", "large_string", "bool", "int", "uint", "float")


class Sourced(Protocol):
    """A section of the settings that names sentences; see `study.settings.whole`."""

    @property
    def name(self) -> str: ...
    @property
    def subset(self) -> str | None: ...
    @property
    def split(self) -> str: ...
    @property
    def text(self) -> str | tuple[str, str]: ...
    @property
    def label(self) -> str | None: ...
    @property
    def where(self) -> tuple[tuple[str, str | int | float | bool], ...] | None: ...


@dataclass(frozen=True)
class Query:
    """What to read of a source.

    Attributes:
        name, subset, split, text, label, where: as in the settings (`study.settings.whole`).
        prefix: of these settings' keys, for errors: "data." or "data.test_".
        where_key: of `where`, for errors.
        drop_labels: rows with these labels are left out once they were read.
    """

    name: str
    subset: str | None
    split: str
    text: str | tuple[str, str]
    label: str
    where: tuple[tuple[str, str | int | float | bool], ...]
    prefix: str
    where_key: str = "data.where"
    drop_labels: tuple[str | int | float | bool, ...] = ()

    @classmethod
    def of(cls, source: Sourced, prefix: str) -> Query:
        """Ask for what a section of the settings names; `prefix` is of its keys."""
        return cls(
            name=source.name,
            subset=source.subset,
            split=source.split,
            text=source.text,
            label=source.label
            or parts_of(source.text)[0],  # what is not asked for is not looked at
            where=source.where or (),
            prefix=prefix,
            where_key=f"{prefix}where",
        )


@dataclass(frozen=True)
class Rows:
    """What was read.

    Attributes:
        texts, labels: of every row; None where there is none. A pair's missing half is empty.
        classes: names in the order that the source declares; None if it declares none.
        display_name: of the source.
    """

    texts: tuple[Text | None, ...]
    labels: tuple[Label, ...]
    classes: tuple[str, ...] | None
    display_name: str


def read(query: Query) -> Rows:
    """Read a source's texts and labels.

    Raises:
        StudyError: the source is not there or cannot be read, has no such split, column or value,
            or its columns are not texts and labels.
    """
    asked = [(f"{query.prefix}text", column) for column in parts_of(query.text)]
    asked.append((f"{query.prefix}label", query.label))
    with _open(query, asked) as (table, name):
        return _rows(table, query, name)


@dataclass(frozen=True)
class Columns:
    """Columns of a source, whatever they hold.

    Attributes:
        values: of those that were asked for and are there, one a row.
        kinds: what every column of the source holds, in words; of one that was not asked for it may
            not be known.
        rows: how many there are.
        display_name: of the source.
    """

    values: dict[str, tuple[Any, ...]]
    kinds: dict[str, str]
    rows: int
    display_name: str


def read_columns(query: Query, wanted: Sequence[str]) -> Columns:
    """Read those of the wanted columns that are there, whatever columns the query names.

    Raises:
        StudyError: the source is not there or cannot be read, has no rows, no such split or value,
            or a wanted column mixes kinds of values.
    """
    asked = [(f"{query.prefix}name", column) for column in wanted]
    with _open(query, asked) as (table, name):
        if not len(table):
            raise StudyError(f"{query.prefix}name: {query.name} has no rows")
        there = [column for column in wanted if column in table.column_names]
        return Columns(
            values={column: tuple(table[column]) for column in there},
            kinds={column: _dtype(feature) for column, feature in table.features.items()},
            rows=len(table),
            display_name=name,
        )


@contextmanager
def _open(query: Query, asked: Asked) -> Iterator[tuple[datasets.Dataset, str]]:
    """Give the rows that a query asks for, and the source's display name.

    Everything is to be taken into memory inside: the cache is gone afterwards.

    Args:
        asked: the columns that will be looked at, each with the setting that names it.
    """
    asked = [*asked, *((f"{query.where_key}.{column}", column) for column, _ in query.where)]
    source = resolve(query.name, "data", f"{query.prefix}name")
    with _quiet(), tempfile.TemporaryDirectory(prefix="lora-rank-study-") as cache:
        try:
            table = _load(source, query, cache, asked)
        except (datasets.exceptions.DatasetsError, pa.ArrowException, OSError, ValueError) as error:
            raise StudyError(_unreadable(source, query, error)) from error
        yield _matching(table, query), source.display_name


def _load(source: Source, query: Query, cache: str, asked: Asked) -> datasets.Dataset:
    if source.path is None:
        return datasets.load_dataset(source.name, query.subset, split=query.split)
    if query.subset is not None and not source.path.is_dir():
        raise StudyError(f"data.subset: {query.subset!r}; allowed for the file {query.name}: null")
    if source.path.is_file():
        return _from_files([source.path], query, cache, asked)
    if any((source.path / name).is_file() for name in ("dataset_info.json", "dataset_dict.json")):
        saved = datasets.load_from_disk(str(source.path))
        if isinstance(saved, datasets.Dataset):
            return saved
        return saved[_known_split(saved, query)]
    return _from_folder(source.path, query, cache, asked)


def _from_folder(folder: Path, query: Query, cache: str, asked: Asked) -> datasets.Dataset:
    """Read a folder of data files, whose names or README tell the splits (as on the hub)."""
    if not any(file.suffix.lower() in DATA_SUFFIXES for file in folder.rglob("*")):
        raise FileNotFoundError(f"no data files in {folder}")
    builder = datasets.load_dataset_builder(str(folder), query.subset, cache_dir=cache)
    splits: Mapping[str, Sequence[str]] = builder.config.data_files
    files = [Path(file) for file in splits[_known_split(splits, query)]]
    if all(file.suffix.lower() in (".csv", ".tsv") for file in files):
        return _from_files(files, query, cache, asked)
    if all(file.suffix.lower() in (".json", ".jsonl") for file in files):
        return _from_files(files, query, cache, asked)
    builder.download_and_prepare()
    return builder.as_dataset(split=query.split)


def _from_files(files: Sequence[Path], query: Query, cache: str, asked: Asked) -> datasets.Dataset:
    """Read files of one format.

    Not through `load_dataset`: given the name of a format, it reports the load over the network.
    """
    names = [str(file) for file in files]
    suffix = files[0].suffix.lower()
    if suffix == ".parquet":
        return datasets.Dataset.from_parquet(names, cache_dir=cache)
    if suffix in (".json", ".jsonl"):
        columns, mixed = columns_of(files)
        for key, column in asked:
            if column in mixed:
                raise StudyError(
                    f"{key}: column {column!r} of {query.name} mixes {mixed[column]}; "
                    "allowed: one kind of value"
                )
        return _table(columns, mixed, {column for _, column in asked})
    parts = [datasets.Dataset.from_dict(delimited(file)) for file in files]
    return datasets.concatenate_datasets(parts)


def _table(
    columns: Mapping[str, list[Any]], mixed: Mapping[str, str], asked: set[str]
) -> datasets.Dataset:
    """Make a table of the columns that are asked for; of others there is nothing but the name.

    Raises:
        StudyError: a number is too large.
    """
    rows = max(map(len, columns.values()), default=0)
    empty = dict.fromkeys((*columns, *mixed), [None] * rows)
    try:
        kept = {name: values for name, values in columns.items() if name in asked}
        return datasets.Dataset.from_dict(empty | kept)
    except OverflowError as error:
        names = ", ".join(sorted(asked))
        raise StudyError(f"a number in one of the columns {names} is too large") from error


def _known_split(splits: Mapping[str, Any], query: Query) -> str:
    if query.split not in splits:
        raise StudyError(
            f"{query.prefix}split: {query.split!r} is not in {query.name}; "
            f"allowed: {', '.join(str(split) for split in splits)}"
        )
    return query.split


def _matching(table: datasets.Dataset, query: Query) -> datasets.Dataset:
    """Keep the rows that have the wanted values; values are compared as they are written."""
    for column, wanted in query.where:
        if column not in table.column_names:
            raise StudyError(
                f"{query.where_key}.{column}: no such column in {query.name}; allowed: "
                f"{', '.join(table.column_names)}, or {query.where_key} null"
            )
        values = _plain(table, column)
        kept = [i for i, value in enumerate(values) if str(value) == str(wanted)]
        if not kept:
            there = sorted({str(value) for value in values})
            more = ", ..." if len(there) > 10 else ""
            raise StudyError(
                f"{query.where_key}.{column}: no row of {query.name} has {wanted!r}; "
                f"allowed: {', '.join(there[:10])}{more}"
            )
        table = table.select(kept)
    return table


def _rows(table: datasets.Dataset, query: Query, display_name: str) -> Rows:
    """Take the columns, once they are known to be texts and labels."""
    columns = parts_of(query.text)
    for key, column in (*(("text", column) for column in columns), ("label", query.label)):
        if column not in table.column_names:
            raise StudyError(
                f"{query.prefix}{key}: {query.name} has no column {column!r}; "
                f"allowed: {', '.join(table.column_names)}"
            )
    if not len(table):
        raise StudyError(f"{query.prefix}name: {query.name} has no rows")
    label = table.features[query.label]
    for column in columns:
        if (held := _dtype(table.features[column])) not in ("string", "large_string", "null"):
            raise StudyError(
                f"{query.prefix}text: column {column!r} of {query.name} holds {held}; allowed: text"
            )
    if _dtype(label).rstrip("0123456789") not in (*_LABEL_TYPES, "null"):
        raise StudyError(
            f"{query.prefix}label: column {query.label!r} of {query.name} holds {_dtype(label)}; "
            "allowed: text, whole numbers, true/false or class labels"
        )
    texts: Iterable[Text | None] = table[columns[0]]
    if len(columns) == 2:
        texts = ((a or "", b or "") for a, b in zip(*(table[c] for c in columns), strict=True))
    classes = tuple(label.names) if isinstance(label, datasets.ClassLabel) else None
    return Rows(
        texts=tuple(texts),
        labels=tuple(_plain(table, query.label)),
        classes=classes,
        display_name=display_name,
    )


def _plain(table: datasets.Dataset, column: str) -> list[Any]:
    """Return a column's values, class labels by name; the hub's -1 for "no label" is None."""
    values = list(table[column])
    feature = table.features[column]
    if not isinstance(feature, datasets.ClassLabel):
        return values
    return [None if value is None or value < 0 else feature.names[value] for value in values]


def _dtype(feature: Any) -> str:
    return str(getattr(feature, "dtype", type(feature).__name__))


def _unreadable(source: Source, query: Query, error: BaseException) -> str:
    """Say what was looked for and why it could not be read, in one line."""
    if source.path is not None:  # what went wrong is beneath "an error occurred"
        while (cause := error.__cause__ or error.__context__) is not None:
            error = cause
    reason = " ".join(str(error).split()) or type(error).__name__
    if source.path is None:
        of = f", subset {query.subset!r}" if query.subset else ""
        return (
            f"{query.prefix}name: looked for {source.name!r} as a path here and as a data set on "
            f"the Hugging Face hub{of}, split {query.split!r}: {reason}"
        )
    return (
        f"{query.prefix}name: {query.name} cannot be read: {reason}; "
        f"allowed: {' '.join(DATA_SUFFIXES)}, a folder of them or one written by save_to_disk"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `datasets` from reporting errors twice, and from drawing bars into log files."""
    logging = datasets.utils.logging
    verbosity, bars = logging.get_verbosity(), datasets.are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if not bars:
            datasets.enable_progress_bars()
