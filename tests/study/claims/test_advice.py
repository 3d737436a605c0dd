"""What would tell is a command where few seeds would, and never a number that nobody trains."""

from __future__ import annotations

import pytest

from study.claims.advice import one_more_seed, with_seeds


@pytest.mark.parametrize(
    ("number", "setting", "said"),
    [
        (4, "seeds", "about 4 seeds would settle it: `dvc exp run -S 'seeds=[0,1,2,3]'`"),
        (
            3,
            "theory.seeds",
            "about 3 seeds would settle it: `dvc exp run -S 'theory.seeds=[0,1,2]'`",
        ),
        (480, "seeds", "about 480 seeds would settle it (`seeds`)"),
        (
            32_000,
            "seeds",
            "Even 1,000 seeds alone would not settle it: what was measured is too near",
        ),
        (
            None,
            "seeds",
            "More seeds alone would not settle it: what was measured is too near the limit. More "
            "sentences might",
        ),
        (32_000, "theory.seeds", "More `theory.seeds` might tell"),
        (None, "theory.seeds", "More `theory.seeds` might tell"),
    ],
)
def test_seeds_that_would_tell(number: int | None, setting: str, said: str) -> None:
    assert said in with_seeds(number, setting)


def test_another_pipeline_is_named_in_the_command() -> None:
    said = with_seeds(2, pipeline="drift/dvc.yaml")
    assert said.endswith("`dvc exp run drift/dvc.yaml -S 'seeds=[0,1]'`")
    assert one_more_seed("drift/dvc.yaml").endswith(
        "`dvc exp run drift/dvc.yaml -S 'seeds=[0,1,2]'`"
    )
    assert one_more_seed().endswith("`dvc exp run -S 'seeds=[0,1,2]'`")


def test_the_setting_of_the_sentences_is_named() -> None:
    key = "drift/params.yaml:sentences"
    assert f"(`{key}`)" in with_seeds(None, sentences=key)


def test_whole_blocks_are_added_where_a_study_has_them():
    assert "about 8 seeds would settle it: `dvc exp run -S 'blocks=[1,2]'`" in with_seeds(
        8, per_block=3
    )
    assert "`dvc exp run -S 'blocks=[1]'`" in with_seeds(6, per_block=3)
    assert "(`seeds`)" in with_seeds(300, per_block=3)
