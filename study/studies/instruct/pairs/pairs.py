"""Where instruction–response pairs come from, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.data.cleaning import class_names, clean, indices
from study.data.near_duplicates import families
from study.data.reading import Query, read, read_texts
from study.entry.errors import StudyError
from study.studies.instruct.pairs.templates import Pair, pairs_of
from study.studies.instruct.settings.pairs import PairSettings

ALPACA = "alpaca"


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of a source.

    Attributes:
        groups: of each, to stratify a split by.
        families: of each; a family is not split.
        source: display name; rows: read; dropped: rows without a pair, by reason.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[int, ...]
    families: NDArray[np.int64]
    source: str
    rows: int
    dropped: dict[str, int]


def read_pairs(data: PairSettings) -> Pairs:
    """Read or make the pairs.

    Raises:
        StudyError: the source cannot be read, lacks a column, has an empty instruction or response,
            or its labels are not two classes of which `data.positive` is one.
    """
    return _alpaca(data) if data.form == ALPACA else _reviews(data)


def _reviews(data: PairSettings) -> Pairs:
    rows = read(Query.of(data, "data."))
    origin = f"data.label: {data.name}"
    sentences, dropped = clean(rows.texts, rows.labels, origin)
    classes = class_names(sentences, rows.classes, origin)
    if len(classes) != 2 or data.positive not in classes:
        raise StudyError(
            f"data.positive: {data.positive!r}; allowed: one of the two labels of reviews, but "
            f"{data.name} has {', '.join(classes[:10])}"
        )
    groups = indices(sentences, classes, origin)
    praise = [classes[group] == data.positive for group in groups]
    return Pairs(
        tuple(pairs_of(sentences.texts, praise, data.seed)),
        tuple(groups),
        families(sentences.texts),
        rows.display_name,
        len(rows.texts),
        vars(dropped),
    )


def _alpaca(data: PairSettings) -> Pairs:
    columns, source = read_texts(Query.of(data, "data."), ("instruction", "output"), ("input",))
    rows = zip(*(columns[name] for name in ("instruction", "input", "output")), strict=True)
    stripped = [tuple((text or "").strip() for text in row) for row in rows]
    for place, what in ((0, "instruction"), (2, "output")):
        empty = [number for number, row in enumerate(stripped, 1) if not row[place]]
        if empty:
            raise StudyError(
                f"data.name: {data.name}: {len(empty)} of {len(stripped)} rows have an empty "
                f"{what}, first row {empty[0]}; allowed: text in all of them"
            )
    kept = list(dict.fromkeys(stripped))
    pairs = tuple(Pair(ALPACA, *row) for row in kept)
    asked = [f"{pair.instruction} {pair.input}" for pair in pairs]
    dropped = {"duplicate": len(stripped) - len(kept)}
    return Pairs(pairs, (0,) * len(pairs), families(asked), source, len(stripped), dropped)
