"""What is handed out is padded by one token, and says of itself what it was trained for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, PreTrainedTokenizerFast, pipeline

from lora import peft_format
from study.arms.full import FullArm, save_tuned
from study.data.tokenising import Tokenizer as StudyTokenizer
from study.models.dequantised import read_config
from study.pages.selected.base import Base, load_base
from study.pages.selected.loading import adapter_lines
from study.pages.selected.measured import measured_logits
from study.pages.selected.merging import merge_checked
from study.pages.selected.padding import Padding, load_tokenizer, pad_with
from study.records.prepared import Prepared, Split
from tests.lora.models import FAMILIES, Family
from tests.study import executor_arms, tiny_models, toys
from tests.study.pages.selected.test_loading import random_adapter, run_lines

TEXTS = ["a b c d e f g", "b", "c e !", "d d", "a !", "f g a b c", "e", "g f e d c b a a"]
WORDS = ("!", "<end>", "<unk>", *"abcdefg")
LABELS = ("0", "1")


def write_tokenizer(folder: Path, *, ends: bool = False, **special: str) -> None:
    """Words as tokens; each text ends in <end> if `ends`."""
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        backend.post_processor = processors.TemplateProcessing(
            single="$A <end>", special_tokens=[("<end>", 1)]
        )
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(folder)


def write_model(family: Family, folder: Path, **changes: Any) -> str:
    """A model of the family with other settings in its config."""
    settings = family.config.__class__.from_dict(family.config.to_dict() | changes)
    toys.save_model(replace(family, config=settings), folder)
    return str(folder)


def data_of(name: str) -> Prepared:
    """The texts, as the study prepares them."""
    tokenizer = StudyTokenizer(name, 12)
    tokens = tokenizer.encode(TEXTS)
    labels = torch.tensor([i % 2 for i in range(len(TEXTS))])
    split = Split(tokens.input_ids, tokens.lengths, labels)
    return Prepared(split, split, split, LABELS, name, 12, tokenizer.pad_token_id)


def hand_out(
    name: str, family: Family, data: Prepared, folder: Path
) -> tuple[Base, Padding, torch.Tensor]:
    """Do as `select` does with a random adapter; return what the study measured too."""
    adapter = random_adapter(load_base(name, LABELS).model, family.targets, family.head)
    base, tokenizer = load_base(name, LABELS), load_tokenizer(name, 12)
    padding = pad_with(base.model, tokenizer, data)
    measured = measured_logits(name, adapter, data, len(data.test))
    merge_checked(base.model, adapter, data.test, padding, measured)
    peft_format.save(adapter, folder / "adapter")
    base.model.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
    return base, padding, measured


def assert_scores(classify: Any, measured: torch.Tensor) -> None:
    """A pipeline gives, in one padded batch, the scores of the measured logits."""
    rows = classify(TEXTS, top_k=None, truncation=True, batch_size=len(TEXTS))
    scores = [[{r["label"]: r["score"] for r in row}[label] for label in LABELS] for row in rows]
    expected = measured.softmax(1)
    torch.testing.assert_close(torch.tensor(scores), expected, rtol=0, atol=1e-4)
    assert expected.std(0).min() > 0.01


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_model_without_a_padding_token_answers_in_a_batch_as_it_was_measured(
    name: str, tmp_path: Path
) -> None:
    """The study pads with token 0, here "!", with which sentences end."""
    family = FAMILIES[name]
    model = write_model(family, tmp_path / "base", pad_token_id=None)
    write_tokenizer(tmp_path / "base", eos_token="<end>", unk_token="<unk>")
    data = replace(data_of(model), pad_token_id=0)
    base, padding, measured = hand_out(model, family, data, tmp_path)
    assert padding == Padding("<end>", 1, (("pad_token", "<end>"),), (("pad_token_id", 1),))
    assert_scores(pipeline("text-classification", model=str(tmp_path / "merged")), measured)
    lines = adapter_lines(model, base, padding, str(tmp_path / "adapter"), 12)
    assert_scores(run_lines(lines)["classify"], measured)


def test_the_tokenizers_own_token_goes_into_a_decoders_config(tmp_path: Path) -> None:
    family = FAMILIES["llama"]
    model = write_model(family, tmp_path / "base", pad_token_id=5)  # of "c"
    write_tokenizer(tmp_path / "base", pad_token="<unk>", padding_side="left")
    base, padding, measured = hand_out(model, family, data_of(model), tmp_path)
    assert padding == Padding("<unk>", 2, (("padding_side", "right"),), (("pad_token_id", 2),))
    assert AutoConfig.from_pretrained(tmp_path / "merged").pad_token_id == 2
    assert_scores(pipeline("text-classification", model=str(tmp_path / "merged")), measured)
    lines = adapter_lines(model, base, padding, str(tmp_path / "adapter"), 12)
    assert_scores(run_lines(lines)["classify"], measured)


@pytest.mark.parametrize(
    ("ends", "special", "expected"),
    [
        (True, {"eos_token": "<end>", "unk_token": "<unk>"}, "<unk>"),
        (True, {"eos_token": "<end>"}, "<unk>"),  # in no sentence
        (False, {"eos_token": "<end>"}, "<end>"),
        (False, {}, "<end>"),
        (True, {"pad_token": "<end>"}, "<end>"),  # the tokenizer's own: it is checked, not changed
    ],
)
def test_the_token_is_one_that_ends_no_sentence(
    ends: bool, special: dict[str, str], expected: str, tmp_path: Path
) -> None:
    model = write_model(FAMILIES["gpt2"], tmp_path, pad_token_id=None)
    write_tokenizer(tmp_path, ends=ends, **special)
    base, tokenizer = load_base(model, LABELS), load_tokenizer(model, 12)
    assert pad_with(base.model, tokenizer, data_of(model)).token == expected


def test_a_token_that_the_model_has_no_embedding_for_is_replaced(tmp_path: Path) -> None:
    model = write_model(FAMILIES["gpt2"], tmp_path, pad_token_id=None, vocab_size=len(WORDS))
    write_tokenizer(tmp_path, eos_token="<end>", pad_token="<new>")
    base, tokenizer = load_base(model, LABELS), load_tokenizer(model, 12)
    assert tokenizer.pad_token_id == base.model.config.vocab_size
    assert pad_with(base.model, tokenizer, data_of(model)).token == "<end>"
    assert tokenizer.pad_token_id == 1


@pytest.mark.parametrize("tuned_for", ["regression", "multi_label_classification"])
def test_scores_sum_to_one_whatever_the_base_was_tuned_for(tuned_for: str, tmp_path: Path) -> None:
    family = FAMILIES["bert"]
    model = write_model(family, tmp_path / "base", problem_type=tuned_for)
    write_tokenizer(tmp_path / "base", pad_token="<unk>", unk_token="<unk>")
    base, padding, measured = hand_out(model, family, data_of(model), tmp_path)
    assert_scores(pipeline("text-classification", model=str(tmp_path / "merged")), measured)
    lines = adapter_lines(model, base, padding, str(tmp_path / "adapter"), 12)
    assert_scores(run_lines(lines)["classify"], measured)


def test_a_tuned_model_says_that_it_tells_one_class_of_several(tmp_path: Path) -> None:
    settings = executor_arms.toy_settings()
    name = write_model(FAMILIES["bert"], tmp_path / "base", problem_type="regression")
    chosen = replace(settings, model=replace(settings.model, name=name))
    run: Any = SimpleNamespace(run=toys.lora_run(seed=3), state={})
    save_tuned(FullArm(chosen, toys.prepared()), [run], tmp_path)
    config = AutoConfig.from_pretrained(tmp_path / "s3")
    assert config.problem_type == "single_label_classification"


def test_a_gguf_file_is_handed_out_as_an_ordinary_model(tmp_path: Path) -> None:
    name = str(tiny_models.write_gguf(tmp_path / "toy.gguf"))
    data = data_of(name)
    base, padding, measured = hand_out(name, FAMILIES["llama"], data, tmp_path)
    config = json.loads((tmp_path / "merged/config.json").read_text())
    assert "quantization_config" not in config
    assert padding.token == "<299>"
    assert_scores(pipeline("text-classification", model=str(tmp_path / "merged")), measured)
    lines = adapter_lines(name, base, padding, str(tmp_path / "adapter"), 12)
    assert_scores(run_lines(lines)["classify"], measured)


def test_a_gguf_files_config_is_read_for_what_needs_no_weights(tmp_path: Path) -> None:
    name = str(tiny_models.write_gguf(tmp_path / "toy.gguf"))
    config = read_config(name, num_labels=3)
    assert (config.model_type, config.hidden_size, config.num_labels) == ("llama", 64, 3)
