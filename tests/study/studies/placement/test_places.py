"""Placements in small models of several families, and where the main study's LoRA is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from transformers import BertConfig, PretrainedConfig

from lora.config import LoRAConfig
from lora.targets import layer_index
from study.entry.errors import StudyError
from study.settings import whole
from study.studies.placement.settings import PLACEMENTS
from study.studies.placement.training.places import Absent, main_place, place_of
from study.studies.placement.training.rates import rates_of
from tests.lora.models import FAMILIES
from tests.study.companion_settings import ROOT

QUERY_AND_VALUE = {
    "bert": {"attention.self.query", "attention.self.value"},
    "roberta": {"attention.self.query", "attention.self.value"},
    "distilbert": {"attention.q_lin", "attention.v_lin"},
    "gpt2": {"attn.c_attn"},
    "llama": {"self_attn.q_proj", "self_attn.v_proj"},
}
LORA = whole.load(ROOT / "params.yaml").lora


@pytest.mark.parametrize("family", QUERY_AND_VALUE)
def test_places_by_role_in_several_families(family: str) -> None:
    model = FAMILIES[family].build()
    places = {name: place_of(model, name) for name in PLACEMENTS}
    found = places["query_value"].to_json()
    assert set(found["modules"]) == QUERY_AND_VALUE[family]
    assert found["layers"] == [0, 1]
    assert ("keys are adapted too" in found["note"]) == (family == "gpt2")
    every = set(places["all_linear"].names)
    attention, mlp = (set(places[name].names) for name in ("attention", "mlp"))
    assert set(places["query_value"].names) < attention
    assert not attention & mlp
    in_layers = {name for name in every if layer_index(name) is not None}
    assert attention | mlp == in_layers
    upper, lower = (set(places[name].names) for name in ("upper_half", "lower_half"))
    assert {layer_index(name) for name in upper} == {1}
    assert {layer_index(name) for name in lower} == {0}
    assert upper | lower == in_layers


def test_the_middle_layer_is_of_the_upper_half() -> None:
    model = replace(FAMILIES["bert"], config=_bert(layers=3)).build()
    assert place_of(model, "lower_half").to_json()["layers"] == [0]
    assert place_of(model, "upper_half").to_json()["layers"] == [1, 2]


def test_names_and_patterns_take_the_place_of_the_role() -> None:
    model = FAMILIES["bert"].build()
    assert place_of(model, "mlp", ("key",)).to_json()["modules"] == ["attention.self.key"]
    upper = place_of(model, "upper_half", ("query", "key"))
    assert upper.names == tuple(
        f"bert.encoder.layer.1.attention.self.{name}" for name in ("query", "key")
    )
    key = r"^placement/params\.yaml:mlp\.target_modules: target 'q_proj' matches no module"
    with pytest.raises(StudyError, match=key):
        place_of(model, "mlp", ("q_proj",))


def test_a_place_that_a_model_lacks_is_named() -> None:
    model = FAMILIES["bert"].build()
    for layer in model.bert.encoder.layer:  # an MLP of another kind
        layer.intermediate = layer.output = None
    with pytest.raises(Absent, match=r"known to make an MLP; it has .*attention\.self\.query"):
        place_of(model, "mlp")
    one = replace(FAMILIES["bert"], config=_bert(layers=1)).build()
    with pytest.raises(Absent, match="no halves"):
        place_of(one, "upper_half")
    assert place_of(one, "attention").names


def test_where_the_main_studys_lora_is() -> None:
    model = FAMILIES["bert"].build()
    assert main_place(model, LORA)[0] == "query_value"
    everywhere = replace(LORA, target_modules=("all-linear",))
    name, place = main_place(model, everywhere)
    assert (name, place.names) == ("all_linear", place_of(model, "all_linear").names)
    assert main_place(model, replace(LORA, target_modules=("query",)))[0] is None
    assert main_place(model, replace(LORA, layers=(1,)))[0] is None
    with pytest.raises(StudyError, match=r"^lora\.target_modules: target 'c_attn'"):
        main_place(model, replace(LORA, target_modules=("c_attn",)))


def test_rates_by_width_and_by_how_much_is_adapted() -> None:
    wide = PretrainedConfig(hidden_size=384)
    config = LoRAConfig(rank=4, alpha=16.0, target_modules=("query",))

    def rates(asked: Any, times: float) -> tuple[float, ...]:
        return rates_of(asked, config, wide, times, 1.0)

    assert rates("auto", 2.0) == (0.002,)
    assert rates("auto", 3.0) == (0.001, 0.002)
    assert rates((0.1, 0.2), 3.0) == (0.1, 0.2)


def _bert(layers: int) -> BertConfig:
    return BertConfig(
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=24,
        vocab_size=60,
    )
