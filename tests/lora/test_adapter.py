"""An adapter out of one model and into another is the same; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora.adapter import Adapter, attach, combine, extract, load_into
from lora.inject import adapted_modules, adapter_parameters, eject, inject, mark_trainable
from lora.merge import merge
from tests.lora.models import FAMILIES, adapted, config, generator, logits, randomise, tokens

BERT, GPT2 = FAMILIES["bert"], FAMILIES["gpt2"]


def delta(adapter: Adapter, name: str) -> torch.Tensor:
    A, B = adapter.factors[name]
    return adapter.config.scaling_of(name) * (B.double() @ A.double())


def small(seed: int, rank: int, alpha: float, names=("0.x", "1.x"), head=None) -> Adapter:
    draw = generator(seed)
    return Adapter(
        config(("x",), rank=rank, alpha=alpha),
        {
            n: (torch.randn(rank, 5, generator=draw), torch.randn(4, rank, generator=draw))
            for n in names
        },
        head or {},
    )


def test_attaching_over_another_seed_restores_adapter_and_head(family):
    model, ids = adapted(family, dropout=0.1), tokens()
    adapter = extract(model, head_names=[family.head])
    other = family.build(seed=0)
    with torch.no_grad():
        for parameter in other.get_submodule(family.head).parameters():
            parameter.normal_(generator=generator(9))
    names = attach(other, adapter, [family.head])
    assert names == family.adapted
    for mode in (False, True):
        torch.manual_seed(0)
        expected = logits(model.train(mode), ids)
        torch.manual_seed(0)
        assert torch.equal(logits(other.train(mode), ids), expected)


def test_loading_is_the_inverse_of_extracting_for_any_run():
    model = BERT.build()
    inject(model, [config(rank=r) for r in (2, 4)], [generator(0), generator(1)])
    randomise(model)
    adapter = extract(model, run=1)
    for parameter in adapter_parameters(model).values():
        parameter.data[1].zero_()
    first = extract(model, run=0)
    load_into(model, adapter, run=1)
    for name, (A, B) in extract(model, run=1).factors.items():
        assert torch.equal(A, adapter.factors[name][0])
        assert torch.equal(B, adapter.factors[name][1])
        assert torch.equal(first.factors[name][0], extract(model, run=0).factors[name][0])
    with pytest.raises(ValueError, match="run 2: the adapter has runs 0 to 1"):
        extract(model, run=2)


def test_what_is_extracted_is_a_copy():
    model = adapted(BERT)
    adapter = extract(model, head_names=["classifier"])
    before = delta(adapter, BERT.adapted[0]).clone(), adapter.head["classifier.bias"].clone()
    for parameter in model.parameters():
        parameter.data.add_(1.0)
    assert torch.equal(delta(adapter, BERT.adapted[0]), before[0])
    assert torch.equal(adapter.head["classifier.bias"], before[1])


def test_a_head_kept_outside_the_model_is_taken_as_given():
    head = {"classifier.weight": torch.ones(2, 16), "classifier.bias": torch.zeros(2)}
    adapter = extract(adapted(BERT, head=False), head=head)
    assert adapter.head.keys() == head.keys()
    other = BERT.build()
    attach(other, adapter, ["classifier"])
    assert torch.equal(other.classifier.weight, head["classifier.weight"])


def test_differences_are_listed_both_ways_and_nothing_is_loaded():
    model = adapted(BERT)
    full = extract(model, head_names=["classifier"])
    kept = dict(list(full.factors.items())[1:]) | {"elsewhere": full.factors[BERT.adapted[0]]}
    broken = replace(full, factors=kept, head={"classifier.bias": torch.zeros(2)})
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    with pytest.raises(ValueError, match="do not fit") as error:
        load_into(model, broken)
    lacks, extra = str(error.value).split("; the model lacks")
    assert BERT.adapted[0] in lacks
    assert "classifier.weight" in lacks
    assert "elsewhere" in extra
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    with pytest.raises(ValueError, match=r"the model lacks \['elsewhere'\]"):
        attach(BERT.build(), broken)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 4}, r"\(rank, in, out\) is \(3, 16, 16\) in the adapter and \(4, 16, 16\)"),
        ({"alpha": 9.0}, r"the adapter's scaling is 1\.5 \(alpha 4\.5, rank 3\), the model's 3\.0"),
        ({"use_rslora": True}, "the adapter's scaling"),
    ],
)
def test_another_rank_or_alpha_is_refused(changes, message):
    adapter = extract(adapted(BERT, head=False))
    with pytest.raises(ValueError, match=message):
        load_into(adapted(BERT, head=False, **changes), adapter)


def test_a_head_of_another_shape_is_refused():
    adapter = extract(
        adapted(BERT),
        head={"classifier.weight": torch.ones(3, 16), "classifier.bias": torch.ones(3)},
    )
    with pytest.raises(ValueError, match=r"classifier\.\w+: \(3"):
        load_into(adapted(BERT), adapter)


def test_a_merged_adapter_is_neither_extracted_nor_loaded_over():
    model = adapted(BERT)
    adapter = extract(model, head_names=["classifier"])
    merge(model)
    with pytest.raises(RuntimeError, match="unmerge it before saving"):
        extract(model)
    with pytest.raises(RuntimeError, match="merged: unmerge"):
        load_into(model, adapter)


def test_a_sliced_projection_is_written_out_whole_and_loads_into_its_slice_again():
    columns = ((0, 16), (32, 48))
    model, ids = adapted(GPT2, columns=columns), tokens()
    adapter = extract(model, head_names=["score"])
    for A, B in adapter.factors.values():
        assert (A.shape, B.shape) == ((3, 16), (48, 3))
        assert not B[16:32].any()
    whole, sliced = GPT2.build(), GPT2.build()
    attach(whole, adapter, ["score"])
    torch.testing.assert_close(logits(whole, ids), logits(model, ids))
    inject(sliced, config(GPT2.targets, columns=columns), generator(3))
    mark_trainable(sliced, ["score"])
    load_into(sliced, adapter)
    assert torch.equal(logits(sliced, ids), logits(model, ids))
    randomise(whole, seed=1)
    with pytest.raises(ValueError, match="outputs outside the chosen columns"):
        load_into(sliced, extract(whole, head_names=["score"]))


def test_targets_that_peft_would_read_more_widely_are_extracted_as_names():
    model = BERT.build()
    inject(model, config(("dense",), rank=2, layers=(1,)), generator(0))
    own = extract(model).config
    assert (own.target_modules, own.layers) == (("dense",), (1,))  # PEFT's pooler is in no layer
    eject(model)
    names = inject(model, config(("dense",), rank=2), generator(0))
    assert extract(model).config.target_modules == names


@given(
    seed=st.integers(0, 10**6),
    parts=st.lists(
        st.tuples(st.integers(1, 4), st.floats(0.1, 8), st.floats(-2, 2)), min_size=1, max_size=4
    ),
)
def test_a_combination_is_the_weighted_sum_of_the_updates(seed, parts):
    adapters = [
        (small(seed + i, rank, alpha), weight) for i, (rank, alpha, weight) in enumerate(parts)
    ]
    total = combine(adapters)
    for name in ("0.x", "1.x"):
        expected = sum(weight * delta(adapter, name) for adapter, weight in adapters)
        torch.testing.assert_close(delta(total, name), expected, rtol=1e-5, atol=1e-5)


def test_modules_that_only_some_adapt_take_part_with_those():
    one, other = small(0, 2, 4.0, ("0.x", "1.x")), small(1, 3, 3.0, ("1.x", "2.x"))
    total = combine([(one, 0.5), (other, 2.0)])
    torch.testing.assert_close(delta(total, "0.x"), 0.5 * delta(one, "0.x"))
    torch.testing.assert_close(delta(total, "2.x"), 2 * delta(other, "2.x"))
    torch.testing.assert_close(
        delta(total, "1.x"), 0.5 * delta(one, "1.x") + 2 * delta(other, "1.x")
    )


def test_a_combination_in_a_model_adds_up():
    model, ids = adapted(BERT), tokens()
    adapter = extract(model, head_names=["classifier"])
    half = combine([(adapter, 0.25), (adapter, 0.75)])
    other = BERT.build()
    attach(other, half, ["classifier"])
    torch.testing.assert_close(logits(other, ids), logits(model, ids), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_combined_is_refused():
    one = small(0, 2, 2.0, head={"h.bias": torch.zeros(2)})
    other = small(1, 2, 2.0, head={"h.bias": torch.ones(2)})
    with pytest.raises(ValueError, match="different heads: say with head_of"):
        combine([(one, 1.0), (other, 1.0)])
    assert torch.equal(combine([(one, 1.0), (other, 1.0)], head_of=1).head["h.bias"], torch.ones(2))
    based = replace(other, config=replace(other.config, base_model_name="some/model"))
    with pytest.raises(ValueError, match="different bases: None and 'some/model'"):
        combine([(one, 1.0), (based, 1.0)])
    wide = replace(one, factors={"0.x": (torch.ones(2, 6), torch.ones(4, 2))})
    with pytest.raises(ValueError, match=r"0\.x: the adapters have different \(in, out\)"):
        combine([(one, 1.0), (wide, 1.0)])
    with pytest.raises(ValueError, match="weight nan"):
        combine([(one, float("nan"))])
    with pytest.raises(ValueError, match="no adapters"):
        combine([])


def test_an_adapter_whose_shapes_do_not_fit_its_rank_cannot_be():
    with pytest.raises(ValueError, match="are not \\(2, in\\) and \\(out, 2\\)"):
        Adapter(config(("x",), rank=2), {"x": (torch.ones(3, 5), torch.ones(4, 3))})
    with pytest.raises(ValueError, match="at least one module"):
        Adapter(config(), {})


def test_adapted_modules_of_a_plain_model_are_none():
    assert adapted_modules(BERT.build()) == {}
