"""Blocks of seeds: which seeds they have, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from study.entry.errors import StudyError
from study.settings import whole
from study.settings.seeds import all_seeds, seeds_of

PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_blocks_have_as_many_seeds_and_none_twice():
    assert seeds_of((0, 1, 2), 0) == (0, 1, 2)
    assert seeds_of((0, 1, 2), 2) == (6, 7, 8)
    assert all_seeds((5, 17), (1, 2)) == (5, 17, 18, 30, 31, 43)
    assert all_seeds((3,), ()) == (3,)
    every = all_seeds((9, 2, 40), range(1, 20))
    assert len(set(every)) == len(every) == 60


def refusal(**changed: Any) -> str:
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["statistics"] |= {key: changed.pop(key) for key in ("looks", "budget") if key in changed}
    with pytest.raises(StudyError) as refused:
        whole.parse(raw | changed)
    return str(refused.value)


@pytest.mark.parametrize("blocks", [0, [0], [1, 1], ["a"], [1.5], None])
def test_what_is_no_list_of_blocks_is_refused(blocks):
    assert "blocks: " in (said := refusal(blocks=blocks))
    assert "allowed: a list without duplicates, [] for none, each item a whole number" in said


def test_seeds_that_no_generator_takes_are_refused():
    said = refusal(seeds=[0, 2**31], blocks=[2])
    assert "allowed: seeds of all blocks up to 4294967295" in said


def test_looks_are_ascending_and_one_of_them_is_now():
    assert "allowed: null, or numbers of blocks in ascending order" in refusal(
        blocks=[1], looks=[2, 1]
    )
    said = refusal(blocks=[1, 2], looks=[1, 2])
    assert "statistics.looks" in said
    assert "the number of blocks that there are, the first included" in said
