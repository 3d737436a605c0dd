"""Padded rows through a model's own forward give what packing gives, and what transformers does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lora.inject import adapter_parameters
from study.arms import lora
from study.batches.packing import BLOCKS, pack
from study.batches.pieces import pack_pieces
from study.models.packed import PackedClassifier, load_pretrained
from study.models.padded import in_order, padded_rows
from study.models.recomputing import recomputing
from study.records.prepared import Batching
from tests.lora.models import FAMILIES, Family
from tests.study import toys
from tests.study.compare import RUNS, check_equal
from tests.study.toys import EVERY, each_family, saved, train_lora

SEEDS = (0, 5, 6)
ORDERS = [torch.tensor(row) for row in ([3, 0, 7, 8, 1], [2, 6, 5, 4, 0], [8, 7, 6, 1, 2])]
each_way = pytest.mark.parametrize("way", ["padded", "separate"])
every_family = pytest.mark.parametrize("family", EVERY.values(), ids=EVERY.keys())
# Runs of DeBERTa with shared keys would change each other in one pass: it is computed run by run.
with_dropout = [
    pytest.param(family, 0.2, way, id=f"{name}-0.2-{way}")
    for name, family in EVERY.items()
    for way in ("padded", "separate")
    if (name, way) != ("deberta shared", "padded")
]
without = [
    pytest.param(EVERY[name], 0.0, way, id=f"{name}-0.0-{way}")
    for name, way in (("bert", "padded"), ("t5", "separate"))
]
WITH_ENDS = ("bart", "t5")


def pad_of(family: Family) -> int:
    return int(family.config.pad_token_id or 0)


def data_of(family: Family) -> Any:
    data = toys.split(9, seed=4)
    return toys.ended(data) if family.name in WITH_ENDS else data


def classifier_of(
    family: Family, way: Batching, seeds: Sequence[int], dropout: float = 0.0
) -> PackedClassifier:
    """A classifier with an adapter a run, none of them zero, whose values are the seed's own."""
    model = toys.load(saved(family.name), dropout, batching=way)
    classifier = PackedClassifier(model, seeds)
    lora.adapt(model, [toys.lora_config(family, dropout=dropout)] * len(seeds), seeds)
    for name, factor in adapter_parameters(model).items():
        if name.endswith("lora_B"):
            for row, seed in zip(factor.data, seeds, strict=True):
                draw = torch.Generator().manual_seed(1000 * seed + len(name))
                row.copy_(0.3 * torch.randn(row.shape, generator=draw))
    return classifier


def plain_of(family: Family, classifier: PackedClassifier, run: int, seed: int) -> Any:
    """Return transformers' own model with the adapter and the head of one run."""
    plain = toys.reference(saved(family.name))
    lora.adapt(plain, [toys.lora_config(family)], [seed])
    factors, own = adapter_parameters(classifier.model), adapter_parameters(plain)
    assert own.keys() == factors.keys()
    for name, factor in own.items():
        factor.data.copy_(factors[name][run : run + 1].data)
    for name in classifier.head_names:
        head = classifier.get_parameter(name).data[run]
        plain.get_parameter(name.removeprefix("model.")).data.copy_(head)
    return plain


def gradients(classifier: PackedClassifier, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the gradients of adapters and heads, of all runs' losses."""
    every = dict(classifier.named_parameters())
    adapters = [f"model.{name}" for name in adapter_parameters(classifier.model)]
    trained = {name: every[name] for name in (*adapters, *classifier.head_names)}
    for parameter in trained.values():
        parameter.requires_grad_()
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    return dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))


def computed(
    classifier: PackedClassifier, batch: Any, draws: Sequence[torch.Generator] = ()
) -> tuple[Tensor, dict[str, Tensor]]:
    for name in classifier.head_names:
        classifier.get_parameter(name).requires_grad_()
    logits = classifier(batch, draws)
    return logits.detach(), gradients(classifier, logits, batch.labels)


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(100 + i) for i in range(count)]


@each_way
@pytest.mark.parametrize("runs", [1, 3])
@each_family
def test_logits_and_gradients_are_the_packed_ones(family: Family, runs: int, way: Batching) -> None:
    batch = pack(data_of(family), ORDERS[:runs], pad_of(family), BLOCKS)
    expected, packed = computed(classifier_of(family, "packed", SEEDS[:runs]), batch)
    logits, padded = computed(classifier_of(family, way, SEEDS[:runs]), batch)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    assert all(packed[name].abs().max() > 1e-4 for name in packed)
    for name, gradient in padded.items():
        torch.testing.assert_close(gradient, packed[name], atol=2e-5, rtol=1e-4, msg=name)


@every_family
def test_each_run_gives_what_transformers_gives_with_its_adapter(family: Family) -> None:
    ways: list[Batching] = (
        ["separate"] if family.name == "deberta shared" else ["padded", "separate"]
    )
    data, pad = data_of(family), pad_of(family)
    for way in ways:
        classifier = classifier_of(family, way, SEEDS)
        logits = classifier(pack(data, ORDERS, pad, BLOCKS))
        for run, seed in enumerate(SEEDS):
            plain = plain_of(family, classifier, run, seed)
            inputs, _ = toys.padded(data, ORDERS[run], pad)
            torch.testing.assert_close(logits[run], plain(**inputs).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("name", ["bert", "electra", "gpt2", "albert"])
def test_two_texts_are_told_apart_as_transformers_tells_them(name: str, runs: int) -> None:
    family = EVERY[name]
    data, pad, seeds = toys.paired(data_of(family)), pad_of(family), SEEDS[:runs]
    one_text = replace(data, token_types=None)
    ways: list[Batching] = ["packed"] if name in FAMILIES else []
    for way in (*ways, "padded", "separate"):
        classifier = classifier_of(family, way, seeds)
        logits = classifier(pack(data, ORDERS[:runs], pad, BLOCKS))
        unlike = logits - classifier(pack(one_text, ORDERS[:runs], pad, BLOCKS))
        assert (unlike.abs().amax((1, 2)) > 1e-3).all()
        for run, seed in enumerate(seeds):
            plain = plain_of(family, classifier, run, seed)
            inputs, _ = toys.padded(data, ORDERS[run], pad)
            torch.testing.assert_close(logits[run], plain(**inputs).logits, atol=1e-5, rtol=1e-5)
        if runs > 1:  # all of the same sentences, which are laid out once
            same = classifier(pack(data, ORDERS[:1] * runs, pad, BLOCKS))
            torch.testing.assert_close(same[0], logits[0], atol=1e-5, rtol=1e-5)


def test_adapters_that_meet_rows_of_no_run_need_a_run_at_a_time() -> None:
    """Why there is `separate`: DeBERTa puts its relative positions through adapted layers."""
    family = EVERY["deberta shared"]
    batch = pack(data_of(family), ORDERS, pad_of(family), BLOCKS)
    right = classifier_of(family, "separate", SEEDS)(batch)
    try:
        wrong = classifier_of(family, "padded", SEEDS)(batch)
    except RuntimeError:
        return
    assert (wrong - right).abs().max() > 1e-3


@each_way
@each_family
def test_bf16_is_near(family: Family, way: Batching) -> None:
    batch = pack(data_of(family), ORDERS, pad_of(family), BLOCKS)
    exact = PackedClassifier(toys.load(saved(family.name), batching=way), SEEDS)(batch)
    model = toys.load(saved(family.name), dtype=torch.bfloat16, batching=way)
    coarse = PackedClassifier(model, SEEDS)(batch)
    assert coarse.dtype == torch.float32
    assert 0 < (coarse - exact).abs().max() < 0.06


def test_rows_hold_each_runs_sentences_and_come_back_in_order() -> None:
    data = toys.split(9, seed=4)
    batch = pack(data, ORDERS, 0, BLOCKS)
    for run, chunks in ((None, 1), (None, 2), (1, 3), (0, 99)):
        rows = padded_rows(batch, 0, run, chunks)
        assert len(rows) == min(chunks, 5)
        first = in_order([each.input_ids[:, 0] for each in rows], rows)
        last = in_order([each.input_ids[range(len(each.last)), each.last] for each in rows], rows)
        own = ORDERS if run is None else ORDERS[run : run + 1]
        starts = data.offsets[torch.stack(own)]
        ends = starts + data.lengths[torch.stack(own)] - 1
        assert torch.equal(first, data.input_ids[starts].long())
        assert torch.equal(last, data.input_ids[ends].long())
        assert all(not each.input_ids[each.mask == 0].any() for each in rows)
        assert sum(int(each.mask.sum()) for each in rows) == int(
            data.lengths[torch.stack(own)].sum()
        )


@each_way
@each_family
def test_a_step_in_pieces_is_the_whole(family: Family, way: Batching) -> None:
    data, pad = data_of(family), pad_of(family)
    _, whole = computed(classifier_of(family, way, SEEDS), pack(data, ORDERS, pad, BLOCKS))
    pieces = pack_pieces(data, ORDERS, pad, BLOCKS, False, 3)
    assert len(pieces) == 3
    classifier = classifier_of(family, way, SEEDS)
    parts = [computed(classifier, piece)[1] for piece in pieces]
    for name, gradient in whole.items():
        together = torch.stack([part[name] for part in parts]).sum(0)
        torch.testing.assert_close(together, gradient, atol=2e-5, rtol=1e-4, msg=name)


@each_way
@pytest.mark.parametrize("name", [*FAMILIES, "albert", "gptj", "deberta", "modernbert cls", "bart"])
def test_a_runs_dropout_is_its_own_and_torchs_generator_is_left(name: str, way: Batching) -> None:
    family = EVERY[name]
    batch = pack(data_of(family), ORDERS, pad_of(family), BLOCKS)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    draws = generators(3)
    logits, slopes = computed(classifier_of(family, way, SEEDS, 0.2).train(), batch, draws)
    still = classifier_of(family, way, SEEDS, 0.2)(batch)
    assert ((logits - still).abs().amax((1, 2)) > 1e-3).all()
    for run, seed in enumerate(SEEDS):
        torch.manual_seed(run)
        alone = pack(data_of(family), ORDERS[run : run + 1], pad_of(family), BLOCKS)
        classifier = classifier_of(family, way, [seed], 0.2).train()
        own, own_slopes = computed(classifier, alone, generators(3)[run : run + 1])
        torch.testing.assert_close(own[0], logits[run], atol=1e-5, rtol=0)
        for key, slope in own_slopes.items():
            torch.testing.assert_close(slope[0], slopes[key][run], atol=2e-5, rtol=1e-4, msg=key)
    torch.manual_seed(3)
    again, _ = computed(classifier_of(family, way, SEEDS, 0.2).train(), batch, generators(3))
    assert torch.equal(again, logits)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("family", "dropout", "way"), [*with_dropout, *without])
def test_layers_computed_anew_give_the_same_gradients(
    family: Family, dropout: float, way: Batching
) -> None:
    batch = pack(data_of(family), ORDERS, pad_of(family), BLOCKS)
    found = []
    for anew in (False, True):
        classifier = classifier_of(family, way, SEEDS, dropout).train()
        with recomputing(classifier, anew):
            found.append(computed(classifier, batch, generators(3)))
    (kept, slopes), (again, others) = found
    assert torch.equal(kept, again)
    assert all(torch.equal(slope, others[name]) for name, slope in slopes.items())


@pytest.mark.parametrize(("dropout", "way"), [(0.2, "padded"), (0.2, "separate"), (0.0, "padded")])
def test_training_together_equals_alone_and_comes_out_the_same_again(
    dropout: float, way: Batching
) -> None:
    together = train_lora(RUNS, dropout=dropout, batching=way)
    torch.manual_seed(8)
    for run, result, again in zip(
        RUNS, together, train_lora(RUNS, dropout=dropout, batching=way), strict=True
    ):
        (alone,) = train_lora([run], dropout=dropout, batching=way)
        check_equal(result, alone)
        check_equal(result, again, loss=0, state=0)
    assert together[0].loss_values != together[2].loss_values


@each_way
def test_training_with_layers_computed_anew_is_the_same_to_the_bit(way: Batching) -> None:
    arguments: dict[str, Any] = {"batching": way, "dropout": 0.2, "gradient_accumulation_steps": 3}
    kept = train_lora(RUNS[1:3], **arguments)
    anew = train_lora(RUNS[1:3], **arguments, activation_checkpointing=True)
    for one, other in zip(kept, anew, strict=True):
        check_equal(one, other, loss=0, state=0)


def test_attention_is_chosen_by_the_device_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def attention(device: torch.device | None) -> str:
        how: Any = (str(saved("bert")), 2, torch.float32, 0.0, toys.LONGEST, "padded", 0, device)
        found: str = load_pretrained(*how).config._attn_implementation
        return found

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert attention(torch.device("cpu")) == "eager"  # train.device: cpu, beside a GPU
    assert attention(torch.device("cuda")) == attention(None) == "sdpa"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert attention(None) == "eager"
