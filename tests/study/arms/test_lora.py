"""The adapter that the settings describe."""

from __future__ import annotations

import math

import pytest

from study.arms.lora import config_of
from study.entry.errors import StudyError
from study.settings.lora import LoraSettings


def settings(scaling: str) -> LoraSettings:
    return LoraSettings(
        ranks=(1, 4),
        rank=4,
        alpha=2.0,
        scaling=scaling,
        dropout=0.1,
        target_modules=("query",),
        layers=(0,),
        use_dora=False,
        init="default",
        loraplus_ratio=1.0,
        learning_rates=(0.1,),
    )


@pytest.mark.parametrize("rank", [1, 4, 9])
def test_the_three_scalings(rank: int) -> None:
    expected = {"fixed": 2 / rank, "proportional": 2.0, "rslora": 2 / math.sqrt(rank)}
    for scaling, factor in expected.items():
        config = config_of(settings(scaling), rank, "some/model")
        assert config.scaling_of("query") == pytest.approx(factor, rel=1e-15)
        assert (config.rank, config.target_modules, config.layers) == (rank, ("query",), (0,))
        assert (config.dropout, config.base_model_name) == (0.1, "some/model")


def test_a_rank_that_is_none() -> None:
    with pytest.raises(StudyError, match="rank 0"):
        config_of(settings("fixed"), 0, "m")
