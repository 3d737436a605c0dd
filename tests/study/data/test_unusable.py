"""Rows that cannot be used: the share that an error tells is one that takes them."""

from __future__ import annotations

import pytest

from study.data.sizes import STUDY
from study.data.unusable import LONGEST, refuse_long, refuse_many
from study.entry.errors import StudyError
from tests.study.data.test_reading import query


@pytest.mark.parametrize(("gaps", "rows"), [(29, 100), (57, 100), (1, 3), (7, 135), (999, 1000)])
def test_the_share_that_is_told_is_enough(gaps: int, rows: int) -> None:
    texts = [""] * gaps + ["good"] * (rows - gaps)
    with pytest.raises(StudyError) as refused:
        refuse_many(texts, [1] * rows, query("mine.csv"), 0.0, STUDY)
    told = float(str(refused.value).rpartition("=")[2])
    assert gaps / rows <= told <= gaps / rows + 0.01
    refuse_many(texts, [1] * rows, query("mine.csv"), told, STUDY)


def test_where_no_row_can_be_used_no_share_is_told() -> None:
    with pytest.raises(StudyError) as refused:
        refuse_many(["", "a"], [1, None], query("mine.csv"), 1.0, STUDY)
    assert str(refused.value).startswith(
        "data.name: of 2 rows of mine.csv 1 have no text in column 'text' (first row 1), 1 have no "
        "label in column 'label' (first 'a'), so none can be used; allowed: rows with both."
    )
    refuse_many([], [], query("mine.csv"), 0.0, STUDY)


def test_of_a_pair_both_columns_are_told() -> None:
    wanted = query("mine.csv", text=("premise", "hypothesis"))
    with pytest.raises(StudyError) as refused:
        refuse_many([("a", " "), ("b", "c"), ("d", "e")], [1, None, 1], wanted, 0.0, STUDY)
    said = "1 have no text in column 'premise' or 'hypothesis' (first row 1), 1 have no label in "
    assert f"{said}column 'label' (first 'b' + 'c')" in str(refused.value)


def test_a_whole_file_in_one_cell_is_no_text() -> None:
    refuse_long(["a", None, "b" * LONGEST], query("x.csv"))
    with pytest.raises(StudyError) as refused:
        refuse_long(["a", "b" * (LONGEST + 1)], query("x.csv"))
    assert str(refused.value).startswith("data.text: row 2 of x.csv has 1,000,001 characters")
    with pytest.raises(StudyError, match="'a' or 'b'"):
        refuse_long([("a", "b" * (LONGEST + 1))], query("x.csv", text=("a", "b")))
