"""Merging is checked: the same outputs, and the way back to the bit."""

from __future__ import annotations

import pytest
import torch

from lora import merge
from lora.inject import is_adapted
from study.analyses.cost.merging import TOLERANCE, check_merging
from study.analyses.cost.plain import load_plain, padded_batches
from study.entry.errors import StudyError
from tests.lora.models import Family
from tests.study.analyses.cost import small
from tests.study.toys import each_family


@each_family
def test_merging_an_adapter_changes_nothing_in_what_the_model_says(family: Family):
    study, made = small.chosen(family.name), small.data(family.name)
    model = load_plain(study.model.name, made, torch.float32)
    inputs = padded_batches(made.test, 6, made.pad_token_id)[0]
    for adapter in small.adapters(study, made).values():
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        found = check_merging(model, adapter, inputs, "here")
        assert found.difference < 1e-5
        assert found.changed > 100 * found.difference  # the adapter does something
        after = model.state_dict()
        assert not is_adapted(model)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[n], after[n]) for n in before if n not in adapter.head)
        assert all(torch.equal(after[n], tensor) for n, tensor in adapter.head.items())


def bert():
    study, made = small.chosen(), small.data()
    model = load_plain(study.model.name, made, torch.float32)
    inputs = padded_batches(made.test, 6, made.pad_token_id)[0]
    return model, small.adapters(study, made)[3], inputs


def test_a_merge_that_changes_the_outputs_is_an_error_and_is_undone(monkeypatch):
    model, adapter, inputs = bert()
    right = merge.delta_weight
    monkeypatch.setattr(merge, "delta_weight", lambda *args: 1.1 * right(*args))
    with pytest.raises(StudyError, match=rf"data/x: merged and unmerged .* allowed: {TOLERANCE}"):
        check_merging(model, adapter, inputs, "data/x")
    assert not is_adapted(model)


def test_weights_that_do_not_come_back_are_an_error(monkeypatch):
    model, adapter, inputs = bert()

    def by_subtraction(layer):
        if layer.original_weight is not None:
            layer.base.weight.data -= merge.delta_weight(layer)
            layer.base.weight.data *= 1 + 1e-7
        layer.merged_run = layer.original_weight = None

    monkeypatch.setattr(merge, "_unmerge_layer", by_subtraction)
    with pytest.raises(StudyError, match=r"data/x: unmerging did not restore .*query"):
        check_merging(model, adapter, inputs, "data/x")
