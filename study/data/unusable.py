"""Rows without text or without label: left out and counted, and refused where they are many.

And texts that are no sentences: a whole file in one cell, of which no model reads a thousandth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from study.data.cleaning import Label, has_label
from study.data.reading import Query
from study.data.sizes import Asked
from study.data.texts import Text, parts_of, shown, stripped
from study.entry.errors import StudyError

LONGEST = 1_000_000
"""Characters of a text, a book's. Tokens of a longer one take hundreds of times its memory."""


def refuse_long(texts: Sequence[Text | None], query: Query) -> None:
    """Refuse texts that are longer than any text is.

    Args:
        texts: of every row; query: that asked for them.

    Raises:
        StudyError: naming the columns and the first such row.
    """
    for row, text in enumerate(texts, 1):
        most = max(map(len, parts_of(text or "")))
        if most > LONGEST:
            columns = " or ".join(map(repr, parts_of(query.text)))
            raise StudyError(
                f"{query.prefix}text: row {row} of {query.name} has {most:,} characters in column "
                f"{columns}; allowed: at most {LONGEST:,}; a whole file in one cell has often lost "
                "its ends of lines or a quotation mark"
            )


def refuse_many(
    texts: Sequence[Text | None],
    labels: Sequence[Label],
    query: Query,
    share: float,
    asked: Asked,
) -> None:
    """Refuse rows of which too many cannot be used.

    Args:
        texts, labels: of every row; query: that asked for them.
        share: up to which rows may be left out.
        asked: where the setting stands.

    Raises:
        StudyError: more than that share has no text or no label; it names the columns, and the
            command that leaves these rows out.
    """
    found = [stripped(text) for text in texts]
    bare = [i for i, text in enumerate(found) if text is None]
    unlabelled = [i for i, text in enumerate(found) if text and not has_label(labels[i])]
    many, rows = len(bare) + len(unlabelled), len(texts)
    if not many or (many < rows and many / rows <= share):
        return
    said = []
    if bare:
        columns = " or ".join(map(repr, parts_of(query.text)))
        said.append(f"{len(bare)} have no text in column {columns} (first row {bare[0] + 1})")
    if unlabelled:
        first = shown(found[unlabelled[0]] or "")
        said.append(f"{len(unlabelled)} have no label in column {query.label!r} (first {first})")
    start = f"of {rows} rows of {query.name} {', '.join(said)}"
    if many == rows:
        raise StudyError(
            f"{query.prefix}name: {start}, so none can be used; allowed: rows with both. (A split "
            "whose labels are hidden, as some test splits are, has none.)"
        )
    enough = f"{min(1, math.ceil(100 * many / rows) / 100):g}"
    setting = f"{asked.file}{asked.prefix}max_dropped_share"
    raise StudyError(
        f"{asked.prefix}max_dropped_share: {share:g}, but {start}; allowed: fewer such rows, or to "
        f"leave them out and count them: {asked.command} -S {setting}={enough}"
    )
