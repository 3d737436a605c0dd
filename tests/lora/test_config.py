"""Settings that cannot be are refused, naming the field and the value."""

from __future__ import annotations

import pytest

from lora.config import LoRAConfig
from tests.lora.models import config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 0}, "rank 0"),
        ({"rank": True}, "rank True"),
        ({"rank": 2.0}, "rank 2.0"),
        ({"alpha": 0}, "alpha 0"),
        ({"alpha": float("nan")}, "alpha nan"),
        ({"targets": ()}, "target_modules"),
        ({"targets": ("query", "query")}, "given twice"),
        ({"layers": ()}, "layers"),
        ({"layers": (0, -1)}, "layers -1"),
        ({"layers": (1, 1)}, "given twice"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"dropout": -0.1}, "dropout -0.1"),
        ({"rank_pattern": {"query": 0}}, r"rank_pattern\['query'\] 0"),
        ({"rank_pattern": {"(": 2}}, "no regular expression"),
        ({"alpha_pattern": {"query": -1.0}}, r"alpha_pattern\['query'\] -1.0"),
    ],
)
def test_wrong_values_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_one_name_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="target_modules 'query': a tuple"):
        LoRAConfig(2, 2.0, "query")  # type: ignore[arg-type]


def test_ranks_and_alphas_of_particular_modules_set_their_scaling():
    own = config(
        rank=4,
        alpha=8.0,
        rank_pattern={"0.query": 2, "value": 16},
        alpha_pattern={r"layer\.\d+\.value": 4.0},
    )
    assert own.scaling_of("layer.0.query") == 8 / 2
    assert own.scaling_of("layer.1.query") == 8 / 4
    assert own.scaling_of("layer.1.value") == 4 / 16
    assert own.scaling_of("layer.1.pre_value") == 8 / 4


def test_rslora_divides_by_the_root_of_each_modules_rank():
    own = config(rank=4, alpha=8.0, rank_pattern={"value": 16}, use_rslora=True)
    assert own.scaling_of("query") == 8 / 2
    assert own.scaling_of("value") == 8 / 4
