"""The gradient of the training loss at the start."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from study.analyses.spectra.gradient import initial_gradients
from study.models.matrices import linear_modules
from study.models.packed import PackedClassifier
from tests.study.toys import each_family, load, padded, prepared, reference, saved


@each_family
def test_it_is_the_gradient_of_the_plain_models_mean_loss(family):
    pad = family.config.pad_token_id or 0
    data = prepared(train=20, pad=pad)
    model = load(saved(family.name))
    names = list(linear_modules(model))
    found = initial_gradients(model, names, data, seed=3, sentences=12)
    plain = reference(saved(family.name))
    heads = dict(PackedClassifier(load(saved(family.name)), [3]).named_parameters())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if f"model.{name}" in heads and heads[f"model.{name}"].ndim > parameter.ndim:
                parameter.copy_(heads[f"model.{name}"][0])
    inputs, labels = padded(data.train, torch.arange(12), pad)
    F.cross_entropy(plain(**inputs).logits, labels).backward()
    modules = linear_modules(plain)
    for name in names:
        expected = modules[name].weight.grad
        expected = torch.zeros_like(modules[name].weight) if expected is None else expected
        if type(modules[name]).__name__ == "Conv1D":
            expected = expected.T
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-5, msg=name)
        assert float(found[name].norm()) > 0


def test_the_model_stays_as_it_was_and_the_head_is_the_seeds():
    model, data = load(saved("bert")), prepared(train=9)
    name = "bert.encoder.layer.1.attention.self.value"
    before = model.get_submodule(name).weight.clone()
    one = initial_gradients(model, [name], data, seed=0, sentences=None)
    other = initial_gradients(model, [name], data, seed=1, sentences=None)
    again = initial_gradients(model, [name], data, seed=0, sentences=99)
    assert torch.equal(one[name], again[name])  # 99 are more than there are
    assert not torch.allclose(one[name], other[name])
    assert torch.equal(model.get_submodule(name).weight, before)
    assert not any(parameter.requires_grad for parameter in model.bert.parameters())


@pytest.mark.parametrize(("sentences", "kept"), [(3, 3), (None, 9), (9, 9), (50, 9)])
def test_the_first_sentences_are_whole(sentences, kept):
    split = prepared(train=9).train
    part = split.first(sentences)
    assert len(part) == kept
    assert len(part.input_ids) == int(part.lengths.sum())
    assert torch.equal(part.input_ids, split.input_ids[: len(part.input_ids)])
