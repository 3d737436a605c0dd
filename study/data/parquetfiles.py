"""Reads Parquet files: the columns that are asked for, and of the others the names."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from study.data.wanted import NAMES, Wanted
from study.entry.errors import StudyError


def table_of(files: Sequence[Path], wanted: Sequence[Wanted], name: str) -> datasets.Dataset:
    """Read files into one table; categories are what they stand for.

    Args:
        name: of the source, for errors.

    Raises:
        StudyError: a column that is asked for stands twice, is of another kind in another file, or
            is needed and in some of the files alone.
        pyarrow.ArrowException: no Parquet.
    """
    schemas = {file: pq.read_schema(file) for file in files}
    names = dict.fromkeys(column for schema in schemas.values() for column in schema.names)
    asked = {one.column: one for one in wanted if one.column in names}
    for one in asked.values():
        for file, schema in schemas.items():
            times = schema.names.count(one.column)
            if times > 1 or (not times and one.needed):
                said = "stands twice in" if times else "is not in"
                raise StudyError(
                    f"{one.key}: column {one.column!r} of {name} {said} {file.name}; "
                    "allowed: one in every file"
                )
    opened = [pq.ParquetFile(file) for file in files]
    rows = sum(file.metadata.num_rows for file in opened)
    parts = [_plain(file.read(columns=list(asked)), asked) for file in opened]
    columns = {column: _joined(parts, files, asked[column], name) for column in asked}
    others = {column: pa.nulls(rows) for column in itertools.islice(names, NAMES)}
    whole = pa.table(others | columns)
    # With what `datasets` may have written there of class labels.
    whole = whole.replace_schema_metadata(schemas[files[0]].metadata)
    return datasets.Dataset(datasets.table.InMemoryTable(whole))


def _plain(table: pa.Table, asked: dict[str, Wanted]) -> pa.Table:
    """Keep the columns that are asked for, with values in place of categories and of views."""
    table = table.select([column for column in table.column_names if column in asked])
    for i, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        kind = pa.large_string() if pa.types.is_string_view(kind) else kind
        if kind != field.type:
            table = table.set_column(i, field.with_type(kind), table.column(i).cast(kind))
    return table


def _joined(
    parts: Sequence[pa.Table], files: Sequence[Path], one: Wanted, name: str
) -> pa.ChunkedArray:
    """Put a column of all files together; a file that lacks it has none in each row."""
    column = one.column
    each = [
        part.select([column])
        if column in part.column_names
        else pa.table({column: pa.nulls(part.num_rows)})
        for part in parts
    ]
    try:
        return pa.concat_tables(each, promote_options="permissive").column(column)
    except pa.ArrowTypeError as error:
        kinds = {
            str(part.schema.field(column).type): file
            for part, file in zip(each, files, strict=True)
        }
        held = " and ".join(f"{kind} in {file.name}" for kind, file in kinds.items())
        raise StudyError(
            f"{one.key}: column {column!r} of {name} holds {held}; allowed: one kind of value"
        ) from error
