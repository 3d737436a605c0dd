"""The learning rates that are said before training are those that the arms try."""

from __future__ import annotations

from dataclasses import replace

from transformers import BertConfig

from study.feasibility.rates import rates_words
from study.settings import whole
from tests.study.companion_settings import ROOT

MODEL = BertConfig(hidden_size=384)


def test_rates_that_all_ranks_share_are_said_once():
    chosen = whole.load(ROOT / "params.yaml")
    chosen = replace(
        chosen,
        lora=replace(chosen.lora, learning_rates="auto"),
        full=replace(chosen.full, learning_rates=(3e-5,)),
    )
    said = rates_words(chosen, MODEL)
    assert said == "learning rates: LoRA 0.002 and 0.004; full fine-tuning 3e-05"


def test_rates_that_go_with_the_rank_are_said_by_rank():
    chosen = whole.load(ROOT / "params.yaml")
    own = replace(chosen.lora, learning_rates="auto", scaling="proportional", alpha=2.0)
    own = replace(own, ranks=(1, 8), rank=8)
    said = rates_words(replace(chosen, lora=own), MODEL)
    assert "LoRA at rank 1: 0.005 and 0.01; LoRA at rank 8: 0.002 and 0.004" in said
