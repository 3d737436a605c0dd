"""What would tell is a command where few seeds would, and never a number that nobody trains."""

from __future__ import annotations

import pytest

from study.claims.advice import with_seeds


@pytest.mark.parametrize(
    ("number", "setting", "said"),
    [
        (4, "seeds", "about 4 seeds would tell: `dvc exp run -S 'seeds=[0,1,2,3]'`"),
        (3, "theory.seeds", "about 3 seeds would tell: `dvc exp run -S 'theory.seeds=[0,1,2]'`"),
        (480, "seeds", "about 480 seeds would tell (`seeds`)"),
        (32_000, "seeds", "for 1,000 seeds to tell on these sentences; more of them might"),
        (None, "seeds", "for any number of seeds to tell on these sentences; more of them might"),
        (32_000, "theory.seeds", "More `theory.seeds` might tell"),
        (None, "theory.seeds", "More `theory.seeds` might tell"),
    ],
)
def test_seeds_that_would_tell(number: int | None, setting: str, said: str) -> None:
    assert said in with_seeds(number, setting)


def test_the_setting_of_the_sentences_is_named() -> None:
    assert "(`drift.sentences`)" in with_seeds(None, sentences="drift.sentences")
