"""A sample of families: what the study computes is what transformers computes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from checks.families import children, compare, making, sizes, table, truth
from checks.families.compare import FAULT, NOT_MADE, REFUSED, Outcome
from checks.families.making import CAUSAL, CLASSIFIER, FAMILIES
from checks.families.sentences import CHOSEN, LENGTHS, padded, sentences

CLASSIFIERS = (
    *("bert", "roberta", "albert", "mpnet", "deberta-v2", "modernbert", "eurobert", "electra"),
    *("distilbert", "xlm-roberta", "camembert", "layoutlm", "bart", "t5", "gpt2", "gpt_neo"),
    *("gptj", "stablelm", "bloom", "llama", "mistral", "gemma2", "gemma3_text", "qwen2", "qwen3"),
    *("qwen3_5_text", "phi3", "olmo2", "nemotron", "qwen2+windows", "falcon"),
)
LANGUAGE_MODELS = (
    *("gpt2", "opt", "llama", "gemma3_text", "gpt_oss", "mixtral", "lfm2", "jamba", "mamba"),
    *("cohere", "recurrent_gemma"),
)


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        *((family, CLASSIFIER) for family in CLASSIFIERS),
        *((family, CAUSAL) for family in LANGUAGE_MODELS),
    ],
)
def test_the_study_computes_what_transformers_does(family: str, kind: str) -> None:
    outcome = compare.compare(family, kind)
    assert outcome.accepted, outcome.why
    assert outcome.right, table.line(outcome)


def test_a_small_model_keeps_every_kind_of_layer(tmp_path: Path) -> None:
    making.make(tmp_path, "gemma3", CLASSIFIER)
    config = AutoConfig.from_pretrained(tmp_path).text_config
    assert set(config.layer_types) == {"sliding_attention", "full_attention"}
    assert config.sliding_window < max(LENGTHS) < config.max_position_embeddings
    assert config.vocab_size == len(AutoTokenizer.from_pretrained(tmp_path))
    assert making.multimodal("gemma3")
    assert not making.multimodal("gemma3_text")


def test_families_with_a_tokenizer_of_their_own_read_words_too(tmp_path: Path) -> None:
    making.make(tmp_path, "qwen2", CLASSIFIER)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("abc")["input_ids"][::4] == [sizes.BOS, sizes.EOS]
    assert tokenizer.decode(tokenizer("abc")["input_ids"], skip_special_tokens=True) == "abc"


def test_sentences_end_once_and_are_padded_to_the_right() -> None:
    split = sentences(causal=False)
    inputs = padded(split, CHOSEN[1])
    assert inputs["attention_mask"].sum(1).tolist() == [LENGTHS[i] for i in CHOSEN[1]]
    assert ((inputs["input_ids"] == sizes.EOS).sum(1) == 1).all()
    assert ((inputs["input_ids"] == sizes.PAD) == (inputs["attention_mask"] == 0)).all()


def test_the_truth_of_an_adapter_is_that_of_its_sum_with_the_weight(tmp_path: Path) -> None:
    making.make(tmp_path, "bert", CLASSIFIER)
    split, model = sentences(causal=False), truth.Model(tmp_path, CLASSIFIER)
    name = next(n for n in model.layers(split) if n.endswith("query"))
    A, B = torch.randn(2, 32), torch.randn(32, 2)
    head = {"classifier.bias": torch.zeros(making.LABELS)}
    found = model.answers(split, truth.Run({name: (A, B)}, head, CHOSEN[0]))
    plain = model.answers(split, truth.Run({}, head, CHOSEN[0]))
    with torch.no_grad():
        model._model.get_submodule(name).weight += B @ A
    merged = model.answers(split, truth.Run({}, head, CHOSEN[0]))
    assert truth.off_by(found.outputs, merged.outputs) < 1e-5
    assert truth.off_by(found.outputs, plain.outputs) > 1e-3
    assert found.gradients[f"{name}.lora_A"].any()


def test_a_difference_is_found() -> None:
    right = Outcome("a", CLASSIFIER, "packed", logits=1e-6, gradients=1e-6)
    assert right.right
    assert right.accepted
    for wrong in ({"logits": 3e-5, "gradients": 0.0}, {"logits": 0.0, "gradients": 2e-4}):
        assert not Outcome("a", CLASSIFIER, "packed", **wrong).right
    assert not Outcome("a", CLASSIFIER, "packed", logits=float("nan"), gradients=0.0).right
    assert not Outcome("a", CLASSIFIER, FAULT, "Traceback").right
    assert Outcome("a", CLASSIFIER, REFUSED, "no").right
    assert not Outcome("a", CLASSIFIER, REFUSED, "no").accepted


def test_a_child_that_dies_or_hangs_is_told_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made_up(family: str, kind: str) -> Outcome:
        if family == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        while family == "runs on":
            pass
        if family == "hangs":
            time.sleep(60)
        return Outcome(family, kind, REFUSED, "no")

    monkeypatch.setattr(children, "compare", made_up)
    monkeypatch.setattr(children, "_PATIENCE", 3)
    jobs = [(name, CLASSIFIER) for name in ("dies", "runs on", "hangs", "answers", "too")]
    found = {outcome.family: outcome for outcome in children.outcomes(jobs, seconds=1)}
    assert found["dies"].why == "the process ended with -9"
    assert found["hangs"].why == found["runs on"].why == "no answer within 1 seconds"
    assert found["answers"].how == found["too"].how == REFUSED


def test_the_page_begins_with_totals_and_drops_nobody() -> None:
    outcomes = [
        Outcome("bert", CLASSIFIER, "packed", "", 1e-7, 2e-7, 3e-7),
        Outcome("gemma3", CLASSIFIER, "padded", "attention of its own", 1e-3, 0.0, 0.0),
        Outcome("xlnet", CLASSIFIER, REFUSED, "its answers depend on padding"),
        Outcome("emu3", CAUSAL, NOT_MADE, "ValueError: a | b"),
        Outcome("opt", CAUSAL, FAULT, "Traceback\n  here\nKeyError: 'x'"),
    ]
    page = table.page(outcomes, "5.23.0")
    said = "2 of 3 are taken, 1 of these wrong: 1 packed, 1 padded, 1 refused."
    assert page.index(said) < page.index("| bert |")
    assert "| bert | packed | 1e-07 | 2e-07 | 3e-07 |" in page
    assert "| gemma3 (text alone) | padded |" in page
    assert "ValueError: a \\| b" in page
    assert "| opt | fault | – | – | – | KeyError: 'x' |" in page
    assert all(f"\n| {outcome.family} " in page for outcome in outcomes)


def test_every_family_of_the_sample_is_one() -> None:
    assert set(CLASSIFIERS) <= set(FAMILIES[CLASSIFIER])
    assert set(LANGUAGE_MODELS) <= set(FAMILIES[CAUSAL])
    assert {"qwen2+windows", "mistral+no-window"} <= set(FAMILIES[CLASSIFIER]) & set(
        FAMILIES[CAUSAL]
    )


def test_too_few_families_are_told_and_variants_do_not_count() -> None:
    few = [Outcome(f"{i}", CAUSAL, "packed", "", 0.0, 0.0) for i in range(table.GOALS[CAUSAL] - 1)]
    variant = Outcome("qwen2+windows", CAUSAL, "padded", "", 0.0, 0.0)
    said = "59 causal families are taken; the goal is 60"
    assert table.shortcoming([*few, variant], CAUSAL) == said
    assert table.shortcoming([*few, Outcome("opt", CAUSAL, "packed", "", 0.0, 0.0)], CAUSAL) is None
