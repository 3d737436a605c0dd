"""A source of sentences, read and cleaned, and the report on what was dropped of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from study.data.cleaning import Dropped, Named, Sentences, clean, leave_out
from study.data.reading import Query, read
from study.data.sizes import STUDY, Asked
from study.data.textfiles import clipped
from study.data.unusable import refuse_long, refuse_many
from study.entry.errors import StudyError


@dataclass(frozen=True)
class Source:
    """A cleaned source, and what cleaning dropped.

    Attributes:
        rows: read, after data.where and before cleaning.
        classes: that the source declares, in its order; None if it declares none.
        unwanted: rows left out for their label, before cleaning.
    """

    display_name: str
    rows: int
    classes: tuple[str, ...] | None
    sentences: Sentences
    dropped: Dropped
    unwanted: int = 0


def read_source(
    query: Query, max_dropped_share: float, asked: Asked = STUDY, named: Named | None = None
) -> Source:
    """Read a source and clean it.

    Args:
        max_dropped_share: of rows without text or label, up to which they are left out.
        asked: where that setting stands, for errors.
        named: see `study.data.cleaning.clean`.

    Raises:
        StudyError: see `study.data.reading` and `study.data.cleaning`; or no row has a label that
            is to be left out; or too many cannot be used, or one is longer than any text is.
    """
    rows = read(query)
    kept = leave_out(rows.labels, query.drop_labels, declared=rows.classes is not None)
    texts, labels = [rows.texts[i] for i in kept], [rows.labels[i] for i in kept]
    refuse_long(texts, query)
    refuse_many(texts, labels, query, max_dropped_share, asked)
    sentences, dropped = clean(texts, labels, f"{query.prefix}label: {query.name}", named)
    unwanted = len(rows.texts) - len(kept)
    if query.drop_labels and not unwanted and query.prefix == "data.":  # a test source need not
        there = sorted({str(label) for label in rows.labels})
        raise StudyError(
            f"data.drop_labels: no row of {query.name} has any of "
            f"{', '.join(map(repr, query.drop_labels))}; allowed: {clipped(there, 10)}"
        )
    return Source(rows.display_name, len(rows.texts), rows.classes, sentences, dropped, unwanted)


def source_report(source: Source, in_test: int = 0) -> dict[str, Any]:
    """Report rows, those dropped by reason, and the sentences left.

    Args:
        in_test: sentences that are in the test source as well.
    """
    dropped = dataclasses.asdict(source.dropped)
    dropped |= {"in_test": in_test, "unwanted_label": source.unwanted}
    return {
        "name": source.display_name,
        "rows": source.rows,
        "dropped": dropped,
        "sentences": len(source.sentences) - in_test,
    }
