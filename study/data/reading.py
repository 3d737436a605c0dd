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

from study.data.folders import builder_of, format_of, known_split, one_format
from study.data.tables import from_files
from study.data.textfiles import clipped
from study.data.texts import Text, parts_of
from study.data.wanted import Wanted
from study.entry.errors import StudyError
from study.sources.resolve import DATA_SUFFIXES, Source, resolve

Label = str | int | float | bool | None
_REASON = 1000  # characters of what other software says, which may quote a file
_LABEL_TYPES = ("string", "large_string", "bool", "int", "uint", "float", "decimal")
# Columns of conversations, which another study reads (`study.studies.instruct.pairs.forms`).
CONVERSATIONS = (
    *(("messages",), ("conversations",), ("instruction", "output")),
    *(("instruction", "response"), ("prompt", "completion")),
)


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
    wanted = [Wanted(f"{query.prefix}text", column) for column in parts_of(query.text)]
    wanted.append(Wanted(f"{query.prefix}label", query.label))
    with _open(query, wanted) as (table, name):
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
    key = f"{query.prefix}name"
    with _open(query, [Wanted(key, column, needed=False) for column in wanted]) as (table, name):
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
def _open(query: Query, wanted: Sequence[Wanted]) -> Iterator[tuple[datasets.Dataset, str]]:
    """Give the rows that a query asks for, and the source's display name.

    Everything is to be taken into memory inside: the cache is gone afterwards.

    Args:
        wanted: the columns that will be looked at, beside those of `where`.
    """
    where = [Wanted(f"{query.where_key}.{column}", column) for column, _ in query.where]
    wanted = [*wanted, *where]
    source = resolve(query.name, "data", f"{query.prefix}name")
    with _quiet(), tempfile.TemporaryDirectory(prefix="lora-rank-study-") as cache:
        try:
            table = _load(source, query, cache, wanted)
            _validate(table, wanted)
        except (StudyError, MemoryError):
            raise
        except Exception as error:  # `datasets` and Arrow raise whatever a broken file leads to
            raise StudyError(_unreadable(source, query, error)) from error
        yield _matching(table, query), source.display_name


def _validate(table: datasets.Dataset, wanted: Sequence[Wanted]) -> None:
    """Hold the wanted columns to what Arrow says of them, before anything reads their values.

    Raises:
        pyarrow.ArrowException: a file says of itself what is not so, or a text is no UTF-8.
    """
    arrow = table.data.table
    names = [one.column for one in wanted if one.column in arrow.column_names]
    arrow.select(names).validate(full=True)


def _load(source: Source, query: Query, cache: str, wanted: Sequence[Wanted]) -> datasets.Dataset:
    if source.path is None:
        return datasets.load_dataset(source.name, query.subset, split=query.split)
    if query.subset is not None and not source.path.is_dir():
        raise StudyError(f"data.subset: {query.subset!r}; allowed for the file {query.name}: null")
    if source.path.is_file():
        return from_files([source.path], wanted, query.name)
    if any((source.path / name).is_file() for name in ("dataset_info.json", "dataset_dict.json")):
        saved = datasets.load_from_disk(str(source.path))
        if isinstance(saved, datasets.Dataset):
            return saved
        return saved[known_split(saved, query.split, f"{query.prefix}split", query.name)]
    return _from_folder(source.path, query, cache, wanted)


def _from_folder(
    folder: Path, query: Query, cache: str, wanted: Sequence[Wanted]
) -> datasets.Dataset:
    """Read a folder of data files, whose names or README tell the splits (as on the hub)."""
    key = f"{query.prefix}name"
    builder = builder_of(folder, query.subset, cache, key, query.name)
    splits: Mapping[str, Sequence[str]] = builder.config.data_files
    split = known_split(splits, query.split, f"{query.prefix}split", query.name)
    files = one_format(splits[split], key, query.name)
    if format_of(files[0]) != "parquet" or builder.info.features is None:
        return from_files(files, wanted, query.name)
    builder.download_and_prepare()  # with the names of classes that its README tells
    return builder.as_dataset(split=query.split)


def _matching(table: datasets.Dataset, query: Query) -> datasets.Dataset:
    """Keep the rows that have the wanted values; values are compared as they are written."""
    for column, wanted in query.where:
        if column not in table.column_names:
            raise StudyError(
                f"{query.where_key}.{column}: no such column in {query.name}; allowed: "
                f"{clipped(table.column_names)}, or {query.where_key} null"
            )
        values = _plain(table, column, f"{query.where_key}.{column}")
        kept = [i for i, value in enumerate(values) if str(value) == str(wanted)]
        if not kept:
            there = sorted({str(value) for value in values})
            raise StudyError(
                f"{query.where_key}.{column}: no row of {query.name} has {wanted!r}; "
                f"allowed: {clipped(there, 10)}"
            )
        table = table.select(kept)
    return table


def _rows(table: datasets.Dataset, query: Query, display_name: str) -> Rows:
    """Take the columns, once they are known to be texts and labels."""
    if not len(table):
        raise StudyError(f"{query.prefix}name: {query.name} has no rows")
    columns = parts_of(query.text)
    for key, column in (*(("text", column) for column in columns), ("label", query.label)):
        if column not in table.column_names:
            raise StudyError(
                f"{query.prefix}{key}: {query.name} has no column {column!r}; "
                f"allowed: {clipped(table.column_names)}{_of_another_study(table.column_names)}"
            )
    label = table.features[query.label]
    for column in columns:
        if (held := _dtype(table.features[column])) not in ("string", "large_string", "null"):
            raise StudyError(
                f"{query.prefix}text: column {column!r} of {query.name} holds {held}; "
                f"allowed: text{_of_another_study([column])}"
            )
    kind = _dtype(label).partition("(")[0].rstrip("0123456789")
    if kind not in (*_LABEL_TYPES, "null"):
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
        labels=tuple(_plain(table, query.label, f"{query.prefix}label")),
        classes=classes,
        display_name=display_name,
    )


def _of_another_study(columns: Sequence[str]) -> str:
    """Say where conversations are read, if these are their columns."""
    if not any(set(form) <= set(columns) for form in CONVERSATIONS):
        return ""
    return (
        ". Conversations are for another study: dvc exp run instruct/dvc.yaml "
        "-S instruct/params.yaml:data.form=auto (docs/other-studies.md)"
    )


def _plain(table: datasets.Dataset, column: str, key: str) -> list[Any]:
    """Return a column's values, class labels by name; the hub's -1 for "no label" is None.

    Raises:
        StudyError: a label is none of the classes; `key` is of the setting that names the column.
    """
    values = list(table[column])
    feature = table.features[column]
    if not isinstance(feature, datasets.ClassLabel):
        return values
    most = max((value for value in values if value is not None), default=-1)
    if most >= len(feature.names):
        raise StudyError(
            f"{key}: column {column!r} holds the class {most}; allowed: below "
            f"{len(feature.names)}, the number of classes that the data names"
        )
    return [None if value is None or value < 0 else feature.names[value] for value in values]


def _dtype(feature: Any) -> str:
    return str(getattr(feature, "dtype", type(feature).__name__))


def _unreadable(source: Source, query: Query, error: BaseException) -> str:
    """Say what was looked for and why it could not be read, in one line."""
    if source.path is not None:  # what went wrong is beneath "an error occurred"
        while (cause := error.__cause__ or error.__context__) is not None:
            error = cause
    reason = " ".join(str(error).split())[:_REASON] or type(error).__name__
    if isinstance(error, LookupError):  # which says but what it looked for
        reason = f"{type(error).__name__}: {reason}"
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
