"""A packed classifier computes what transformers' own does on padded sentences."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, BertForSequenceClassification, MPNetConfig, T5Config

from study.batches.packing import PackedBatch, pack
from study.entry.errors import StudyError
from study.models.packed import PackedClassifier, RunLinear, load_pretrained, parameter_count
from tests.lora.models import FAMILIES, Family
from tests.rounding import LOGIT_ROUNDINGS, check_near
from tests.study import toys
from tests.study.toys import each_family, saved


def pad_of(family: Family) -> int:
    return int(family.config.pad_token_id or 0)


def with_head(model: Any, classifier: PackedClassifier, run: int = 0) -> Any:
    """Give a plain model the head of one run."""
    head = {n.removeprefix("model."): p for n, p in classifier.named_parameters()}
    with torch.no_grad():
        for name in classifier.head_names:
            name = name.removeprefix("model.")
            model.get_parameter(name).copy_(head[name][run])
    return model


@pytest.mark.parametrize("blocks", [1, 3])
@each_family
def test_packed_equals_padded(family: Family, blocks: int) -> None:
    folder, pad = saved(family.name), pad_of(family)
    data = toys.split(9, seed=4)
    classifier = PackedClassifier(toys.load(folder), seeds=[0, 5])
    chosen = torch.tensor([3, 0, 7, 8, 1])
    logits = classifier(pack(data, [chosen, chosen], pad, blocks))
    inputs, _ = toys.padded(data, chosen, pad)
    for run in (0, 1):
        plain = with_head(toys.reference(folder), classifier, run)
        torch.testing.assert_close(logits[run], plain(**inputs).logits, atol=1e-5, rtol=1e-5)
    assert (logits[0] - logits[1]).abs().max() > 0.01


@each_family
def test_gradients_of_all_parameters_equal(family: Family) -> None:
    folder, pad = saved(family.name), pad_of(family)
    data = toys.split(9, seed=4)
    classifier = PackedClassifier(toys.load(folder), seeds=[0]).requires_grad_()
    plain = with_head(toys.reference(folder), classifier)
    chosen = torch.arange(6)
    batch = pack(data, [chosen], pad, 2)
    F.cross_entropy(classifier(batch)[0], batch.labels[0]).backward()
    inputs, labels = toys.padded(data, chosen, pad)
    F.cross_entropy(plain(**inputs).logits, labels).backward()
    ours = dict(classifier.model.named_parameters())
    largest = max(p.grad.abs().max() for p in plain.parameters() if p.grad is not None)
    assert largest > 0.01
    for name, parameter in plain.named_parameters():
        mine = ours[name].grad
        if parameter.grad is None:  # the embedding rows of other tokens
            assert mine is None or not mine.any()
            continue
        mine = mine.view(parameter.shape)
        torch.testing.assert_close(mine, parameter.grad, atol=1e-5, rtol=1e-4, msg=name)


@each_family
def test_rows_of_different_length_do_not_disturb_one_another(family: Family) -> None:
    folder, pad = saved(family.name), pad_of(family)
    data = toys.split(12, seed=4)
    classifier = PackedClassifier(toys.load(folder), seeds=[0, 1])
    choices = [torch.tensor([0, 1, 2, 3]), torch.tensor([9, 2, 11, 5])]
    together = classifier(pack(data, choices, pad, 2))
    for run, seed in enumerate((0, 1)):
        alone = PackedClassifier(toys.load(folder), seeds=[seed])
        expected = alone(pack(data, [choices[run]], pad, 2))[0]
        check_near(together[run], expected, LOGIT_ROUNDINGS)


@each_family
def test_a_sentence_does_not_see_its_neighbours(family: Family) -> None:
    data, pad = toys.split(20, seed=6), pad_of(family)
    classifier = PackedClassifier(toys.load(saved(family.name)), seeds=[0])
    one = classifier(pack(data, [torch.tensor([4])], pad, 1))[0, 0]
    for neighbours in ([1, 4, 2], [4, 19, 18, 17, 16, 15, 14, 13], [0, 4]):
        chosen = torch.tensor(neighbours)
        logits = classifier(pack(data, [chosen], pad, 2))[0]
        found = logits[neighbours.index(4)]
        check_near(found, one, LOGIT_ROUNDINGS)


@each_family
def test_a_row_may_hold_more_tokens_than_the_model_has_positions(family: Family) -> None:
    data, pad = toys.split(120, seed=6), pad_of(family)
    batch = pack(data, [torch.arange(120)], pad, 4)
    positions = getattr(family.config, "max_position_embeddings", 0)
    classifier = PackedClassifier(toys.load(saved(family.name)), seeds=[0])
    logits = classifier(batch)
    assert batch.input_ids.shape[1] > min(positions, 512)
    last = classifier(pack(data, [torch.tensor([119])], pad, 1))[0, 0]
    check_near(logits[0, -1], last, LOGIT_ROUNDINGS)


def test_padding_at_a_rows_end_changes_nothing_whatever_its_id() -> None:
    data = toys.split(8, seed=1)
    classifier = PackedClassifier(toys.load(saved("bert")), seeds=[0, 1])
    choices = [torch.tensor([0, 1]), torch.tensor([5, 6])]
    logits: list[Tensor] = [classifier(pack(data, choices, pad, 2)) for pad in (0, 17)]
    assert torch.equal(*logits)


@each_family
def test_a_head_depends_on_its_seed_alone(family: Family) -> None:
    def heads(seeds: list[int], model: Any = None) -> list[Tensor]:
        model = model or toys.load(saved(family.name))
        classifier = PackedClassifier(model, seeds)
        every = dict(classifier.named_parameters())
        return [every[name].detach() for name in classifier.head_names]

    alone, beside = heads([7]), heads([3, 7, 3])
    used = toys.load(saved(family.name))
    heads([1, 2], used)
    for one, many, again in zip(alone, beside, heads([7], used), strict=True):
        assert torch.equal(one[0], many[1])
        assert torch.equal(one, again)
        assert torch.equal(many[0], many[2])
        if one.ndim == 3:
            assert not torch.equal(many[0], many[1])
            assert one.abs().max() > 0
    assert all(isinstance(p, torch.nn.Parameter) for p in used.parameters())


def test_seeds_a_power_of_two_apart_are_different_runs() -> None:
    # torch's CPU generator reads the low 32 bits of its seed alone.
    classifier = PackedClassifier(toys.load(saved("bert")), [0, 1 << 12, 1 << 24, 1 << 31])
    weight = classifier.model.classifier.weight
    assert len({tuple(row.flatten().tolist()) for row in weight}) == 4


def test_loading_and_building_leave_the_global_generator_alone() -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        classifier = PackedClassifier(toys.load(saved("bert")), [0])
        assert torch.equal(before, torch.random.get_rng_state())
        found.append(classifier.state_dict())
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_weights_that_a_checkpoint_lacks_are_drawn_the_same(tmp_path: Path) -> None:
    model = toys.reference(saved("bert"))
    model.bert.pooler = None
    model.bert.save_pretrained(tmp_path)
    one, other = toys.load(tmp_path), toys.load(tmp_path)
    assert torch.equal(one.bert.pooler.dense.weight, other.bert.pooler.dense.weight)


def test_a_run_linear_is_one_linear_layer_a_run() -> None:
    draw = torch.Generator().manual_seed(0)
    layer = RunLinear(3, 4, 2, bias=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=draw)
    x = torch.randn(3 * 5, 4, generator=draw)
    y = layer(x)
    assert layer(x.unsqueeze(1)).shape == (15, 1, 2)
    for run in range(3):
        rows = slice(5 * run, 5 * run + 5)
        expected = F.linear(x[rows], layer.weight[run], layer.bias[run])
        torch.testing.assert_close(y[rows], expected)
    assert layer(x.to(torch.bfloat16)).dtype == torch.float32


def test_counts_shared_parameters_once() -> None:
    layer = torch.nn.Linear(3, 2)
    assert parameter_count(torch.nn.Sequential(layer, layer)) == 8


@each_family
def test_loaded_models_are_frozen_and_hold_the_settings_dropout(family: Family) -> None:
    model = toys.load(saved(family.name), dropout=0.3)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    rates = {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates <= {0.3}
    classifier = PackedClassifier(model, [0])
    batch = pack(toys.split(4, 1), [torch.arange(4)], pad_of(family), 1)
    still = classifier(batch)
    classifier.train()
    draws = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    noisy = [run_with(classifier, batch, g) for g in draws]
    assert not torch.equal(noisy[0], still)
    assert not torch.equal(noisy[0], noisy[1])


def run_with(classifier: PackedClassifier, batch: PackedBatch, draw: torch.Generator) -> Tensor:
    logits: Tensor = classifier(batch, [draw])
    return logits


def test_a_classifier_of_other_classes_lends_its_encoder(tmp_path: Path) -> None:
    config = BertConfig(**FAMILIES["bert"].config.to_diff_dict() | {"num_labels": 5})
    with torch.random.fork_rng():
        BertForSequenceClassification(config).save_pretrained(tmp_path)
    model = toys.load(tmp_path)
    assert model.config.num_labels == 2
    assert PackedClassifier(model, [0]).model.classifier.weight.shape[1] == 2


class TestRefuses:
    """Every model that cannot be used is refused with one message, before training."""

    def load(self, folder: Path | str, max_length: int = 8) -> None:
        load_pretrained(str(folder), 2, torch.float32, 0.0, max_length)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match=r"model\.name.*no hub is reached") as caught:
            self.load(tmp_path / "nowhere")
        assert "nowhere" in str(caught.value)

    def test_a_folder_without_weights(self, tmp_path: Path) -> None:
        shutil.copy(saved("bert") / "config.json", tmp_path)
        with pytest.raises(StudyError, match=r"model\.name.*cannot be loaded"):
            self.load(tmp_path)

    def test_torn_weights(self, tmp_path: Path) -> None:
        shutil.copytree(saved("bert"), tmp_path / "torn")
        weights = tmp_path / "torn" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:500])
        with pytest.raises(StudyError, match=r"model\.name: 'torn' cannot be loaded"):
            self.load(tmp_path / "torn")

    def test_weights_of_another_size(self, tmp_path: Path) -> None:
        shutil.copytree(saved("bert"), tmp_path / "odd")
        words = json.loads((tmp_path / "odd" / "config.json").read_text())
        words["intermediate_size"] = 48
        (tmp_path / "odd" / "config.json").write_text(json.dumps(words))
        with pytest.raises(StudyError, match=r"model\.name: 'odd'.*intermediate"):
            self.load(tmp_path / "odd")

    def test_an_unknown_architecture(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "abacus"}')
        with pytest.raises(StudyError, match=r"model\.name.*cannot be loaded.*abacus"):
            self.load(tmp_path)

    @pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "gpt2"])
    def test_texts_longer_than_the_positions(self, name: str) -> None:
        # RoBERTa leaves its first padding_idx + 1 positions unused.
        most = {"bert": 512, "roberta": 38, "distilbert": 512, "gpt2": 40}[name]
        self.load(saved(name), max_length=most)
        with pytest.raises(StudyError, match=rf"data\.max_length: {most + 1} .* {most} positions"):
            self.load(saved(name), max_length=most + 1)

    @pytest.mark.parametrize("config", [T5Config, MPNetConfig])
    def test_a_family_it_cannot_read(self, config: Any, tmp_path: Path) -> None:
        from transformers import AutoModelForSequenceClassification

        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        if config is T5Config:
            sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
        with torch.random.fork_rng():
            model = AutoModelForSequenceClassification.from_config(config(vocab_size=40, **sizes))
        model.save_pretrained(tmp_path)
        with pytest.raises(StudyError, match=r"model\.name"):
            self.load(tmp_path)
