"""Which matrices an encoder has, and what full fine-tuning did to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from study.entry.errors import StudyError
from study.models.matrices import linear_modules, read_tuned, updates, weight_of
from tests.rounding import check_near
from tests.study.toys import each_family, load, saved

PER_LAYER = {"bert": 6, "roberta": 6, "distilbert": 6, "gpt2": 4, "llama": 7}


@each_family
def test_every_linear_layer_of_the_encoder_and_no_other(family):
    found = linear_modules(load(saved(family.name)))
    pooler = 1 if family.name == "bert" else 0
    assert len(found) == 2 * PER_LAYER[family.name] + pooler
    assert set(family.adapted) <= set(found)
    assert not [n for n in found if n.startswith(("classifier", "pre_classifier", "score"))]
    assert not [n for n in found if "embed" in n or "wte" in n]


@each_family
def test_a_weight_is_out_by_in_and_its_product_is_the_layer(family):
    draw = torch.Generator().manual_seed(0)
    for name, module in linear_modules(load(saved(family.name))).items():
        W = weight_of(module)
        x = torch.randn(3, W.shape[1], generator=draw)
        bias = 0 if module.bias is None else module.bias
        torch.testing.assert_close(module(x), x @ W.T + bias, msg=name)


@each_family
def test_the_update_is_what_was_added(family, tmp_path: Path):
    pretrained = load(saved(family.name))
    tuned = load(saved(family.name))
    draw = torch.Generator().manual_seed(0)
    added = {}
    for name, module in linear_modules(tuned).items():
        added[name] = torch.randn(weight_of(module).shape, generator=draw)
        weight_of(module).add_(added[name])
    tuned.save_pretrained(tmp_path / "s7")
    found = updates(read_tuned(7, tmp_path), pretrained)
    assert list(found) == list(added)
    for name, update in found.items():
        assert update.dtype == torch.float32
        check_near(update, added[name], 4, msg=name)  # a sum and a difference: measured 1


def test_a_model_that_is_not_there_or_not_whole_is_refused_with_its_path(tmp_path: Path):
    with pytest.raises(StudyError, match=r"s3: no fully tuned model is there; run `dvc repro full"):
        read_tuned(3, tmp_path)
    load(saved("bert")).save_pretrained(tmp_path / "s3")
    weights = tmp_path / "s3/model.safetensors"
    tensors = load_file(weights)
    del tensors["classifier.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(StudyError, match=r"s3: weights missing .*classifier\.weight"):
        read_tuned(3, tmp_path)
    weights.write_bytes(b"torn")
    with pytest.raises(StudyError, match="s3: cannot be loaded"):
        read_tuned(3, tmp_path)


def test_models_of_two_forms_are_refused():
    with pytest.raises(StudyError, match="differ in form"):
        updates(load(saved("bert")), load(saved("roberta")))


def test_the_command_that_makes_the_folder_is_named(tmp_path: Path):
    made = (tmp_path, "shuffled_labels")
    again = r"run `dvc repro shuffled_labels`$"
    with pytest.raises(StudyError, match=rf"s3: no fully tuned model is there; {again}"):
        read_tuned(3, *made)
    load(saved("bert")).save_pretrained(tmp_path / "s3")
    weights = tmp_path / "s3/model.safetensors"
    weights.write_bytes(b"torn")
    with pytest.raises(StudyError, match=rf"s3: cannot be loaded .*; {again}"):
        read_tuned(3, *made)
    save_file({"other": torch.zeros(1)}, weights, metadata={"format": "pt"})
    with pytest.raises(StudyError, match=rf"s3: weights missing .*; {again}"):
        read_tuned(3, *made)
    with pytest.raises(StudyError, match=rf"{tmp_path}: .* differ in form, .*; {again}"):
        updates(load(saved("bert")), load(saved("roberta")), *made)
