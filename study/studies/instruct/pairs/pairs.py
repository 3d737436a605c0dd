"""Where instruction–response pairs come from, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from study.data.cleaning import class_names, clean, indices
from study.data.near_duplicates import families
from study.data.reading import Query, read, read_columns
from study.data.sizes import Asked
from study.data.unusable import refuse_many
from study.entry.errors import StudyError
from study.studies.instruct.pairs.forms import COLUMNS, form_of, read_rows
from study.studies.instruct.pairs.relatives import families_of
from study.studies.instruct.pairs.templates import Pair, pairs_of
from study.studies.instruct.settings.pairs import PairSettings

REVIEWS = "reviews"
ASKED = Asked(file="instruct/params.yaml:", command="dvc exp run instruct/dvc.yaml")


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of a source.

    Attributes:
        groups: of each, to stratify a split by.
        families: of each; a family is not split.
        source: display name; rows: read; dropped: those whose pair is another's, by reason.
        form: in which they are read.
        unusable: the row of every pair that could not be made, by reason.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[int, ...]
    families: NDArray[np.int64]
    source: str
    rows: int
    dropped: dict[str, int]
    form: str
    unusable: dict[str, list[int]] = field(default_factory=dict)


def read_pairs(data: PairSettings) -> Pairs:
    """Read or make the pairs.

    Raises:
        StudyError: the source cannot be read, lacks a column, has one that is not read and would
            change what is said, or its labels are not two classes of which `data.positive` is one.
    """
    return _reviews(data) if data.form == REVIEWS else _conversations(data)


def _reviews(data: PairSettings) -> Pairs:
    query = Query.of(data, "data.")
    rows = read(query)
    origin = f"data.label: {data.name}"
    refuse_many(rows.texts, rows.labels, query, data.max_dropped_share, ASKED)
    sentences, dropped = clean(rows.texts, rows.labels, origin)
    classes = class_names(sentences, rows.classes, origin)
    if len(classes) != 2 or data.positive not in classes:
        raise StudyError(
            f"data.positive: {data.positive!r}; allowed: one of the two labels of reviews, but "
            f"{data.name} has {', '.join(classes[:10])}"
        )
    groups = indices(sentences, classes, origin)
    texts = [str(text) for text in sentences.texts]  # of one column, so that none is a pair
    praise = [classes[group] == data.positive for group in groups]
    return Pairs(
        tuple(pairs_of(texts, praise, data.seed)),
        tuple(groups),
        families(texts),
        rows.display_name,
        len(rows.texts),
        vars(dropped),
        REVIEWS,
    )


def _conversations(data: PairSettings) -> Pairs:
    columns = read_columns(Query.of(data, "data."), COLUMNS)
    form = form_of(data.form, columns, data.name)
    found: dict[Pair, int] = {}  # of each pair the row
    unusable: dict[str, list[int]] = {}
    made = 0
    for number, row in enumerate(read_rows(form, columns, data.turns == "all", data.name), 1):
        made += len(row)
        for pair in row:
            if isinstance(pair, Pair):
                found.setdefault(pair, number)
            else:
                unusable.setdefault(pair, []).append(number)
    pairs, numbers = tuple(found), tuple(found.values())
    return Pairs(
        pairs,
        (0,) * len(pairs),
        families_of(pairs, numbers),
        columns.display_name,
        columns.rows,
        {"duplicate": made - len(pairs) - sum(map(len, unusable.values()))},
        form,
        unusable,
    )
