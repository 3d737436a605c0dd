"""The ordinary model and its padded batches."""

from __future__ import annotations

import pytest
import torch

from study.analyses.cost.plain import load_plain, padded_batches
from tests.lora.models import Family
from tests.study import tiny_models, toys
from tests.study.analyses.cost import small
from tests.study.toys import each_family


@each_family
def test_it_computes_what_the_model_computes_as_anybody_loads_it(family: Family):
    made = small.data(family.name)
    plain = load_plain(str(toys.saved(family.name)), made, torch.float32)
    expected = toys.reference(toys.saved(family.name))
    plain.load_state_dict(expected.state_dict())  # of one head: ours is drawn anew
    for batch in padded_batches(made.test, 5, made.pad_token_id):
        with torch.no_grad():
            assert plain(**batch).logits == pytest.approx(expected(**batch).logits, abs=1e-4)


def test_the_base_is_the_pretrained_one_and_the_head_is_the_datas():
    made = small.data(classes=20)
    plain = load_plain(str(toys.saved("bert")), made, torch.bfloat16)
    pretrained = toys.reference(toys.saved("bert")).bert.state_dict()
    assert plain.classifier.out_features == 20
    for name, weight in plain.bert.state_dict().items():
        assert torch.equal(weight, pretrained[name].to(weight.dtype))
    assert not plain.training
    assert not any(p.requires_grad for p in plain.parameters())


def test_it_is_read_from_a_gguf_file_too(tmp_path):
    name = str(tiny_models.write_gguf(tmp_path / "toy.gguf"))
    made = small.data("llama")
    plain, packed = load_plain(name, made, torch.float32), toys.load(name)
    for weight, expected in zip(plain.parameters(), packed.parameters(), strict=True):
        assert torch.equal(weight, expected)


def test_batches_hold_every_sentence_once_and_the_mask_tells_padding():
    made = small.data().test
    batches = padded_batches(made, 4, 9)
    rows = [
        (ids, mask)
        for batch in batches
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert [len(batch["input_ids"]) for batch in batches] == [4, 4, 4, 2]
    assert torch.equal(torch.cat([ids[mask.bool()] for ids, mask in rows]), made.input_ids.long())
    assert all((ids[~mask.bool()] == 9).all() for ids, mask in rows)
    assert all(batch["attention_mask"].any(dim=0).all() for batch in batches)  # no idle column


def test_batches_of_pairs_have_token_types():
    made = toys.paired(small.data().test)
    batches = padded_batches(made, 4, 9)
    types = [
        own[mask.bool()]
        for batch in batches
        for own, mask in zip(batch["token_type_ids"], batch["attention_mask"], strict=True)
    ]
    assert torch.equal(torch.cat(types), made.token_types.long())
    assert all("token_type_ids" not in batch for batch in padded_batches(small.data().test, 4, 9))


def test_the_first_sentences_are_a_split_of_their_own():
    made = small.data().test
    few = made.first(3)
    assert len(few) == 3
    assert torch.equal(few.input_ids, made.input_ids[: int(made.lengths[:3].sum())])
    assert made.first(None) is made
    assert made.first(10_000) is made
