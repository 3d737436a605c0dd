"""Learning rates that the study chooses: by the model's width, and by how the update is scaled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transformers import BertConfig

from study.arms.lora import config_of, rates_of
from study.arms.rates import full_rates, lora_rates
from study.settings import whole
from tests.study.companion_settings import ROOT


def model(width: int) -> BertConfig:
    return BertConfig(hidden_size=width)


@pytest.mark.parametrize(
    ("width", "lora", "full"),
    [
        (32, (1e-2, 2e-2), (5e-4, 1e-3)),  # below 384 nothing was searched: the rule goes on
        (64, (7e-3, 1.4e-2), (3.5e-4, 7e-4)),
        (128, (4e-3, 8e-3), (2e-4, 4e-4)),
        (384, (2e-3, 4e-3), (1e-4, 2e-4)),  # the default model
        (768, (1e-3, 2e-3), (5e-5, 1e-4)),
        (4096, (3e-4, 6e-4), (1.5e-5, 3e-5)),
    ],
)
def test_the_wider_the_model_the_smaller_the_rates(width, lora, full):
    assert lora_rates("auto", model(width), 16.0, 1.0) == lora
    assert full_rates("auto", model(width)) == full


def test_rates_that_were_asked_for_are_kept():
    assert lora_rates((0.5, 0.1), model(384), 1.0, 16.0) == (0.5, 0.1)
    assert full_rates((0.3,), model(384)) == (0.3,)


@pytest.mark.parametrize(
    ("changes", "rank", "lower"),
    [
        ({}, 1, 2e-3),
        ({}, 64, 2e-3),  # alpha / r: the same at every rank
        ({"alpha": 64.0}, 8, 9e-4),
        ({"scaling": "proportional", "alpha": 2.0}, 8, 2e-3),
        ({"scaling": "proportional", "alpha": 2.0}, 1, 5e-3),  # searched: 4e-3 was best
        ({"loraplus_ratio": 16.0}, 8, 5e-4),  # searched: 5e-4 was best
    ],
)
def test_the_stronger_the_update_is_scaled_the_smaller_the_rate(changes, rank, lower):
    own = replace(whole.load(ROOT / "params.yaml").lora, learning_rates="auto", **changes)
    found = rates_of(own, config_of(own, rank, "toy"), model(384))
    assert found[0] == pytest.approx(lower)
    assert found[1] == pytest.approx(2 * lower)
