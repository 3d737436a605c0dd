"""The classifier with exchangeable weights computes what the models it stands for compute."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from torch import Tensor

from study.arms import full
from study.entry.errors import StudyError
from study.evaluation.evaluator import Evaluator
from study.models.matrices import linear_modules, weight_of
from study.records.prepared import Prepared
from study.training.loop import Run
from study.training.progress import Progress
from tests.study import toys
from tests.study.analyses.capacity.made import toy_settings, tuned_by_hand
from tests.study.toys import each_family


def data_of(family) -> Prepared:
    return toys.prepared(pad=family.config.pad_token_id or 0)


def predictions(model, data: Prepared) -> Tensor:
    """Classify the test sentences with Hugging Face's own modules and padded batches."""
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    with torch.no_grad():
        found: Tensor = model(**inputs).logits.argmax(-1)
    return found


@each_family
def test_with_every_parameter_put_in_it_is_that_model(family) -> None:
    data, tuned = data_of(family), tuned_by_hand(family.name)
    evaluator = Evaluator(toy_settings(family.name), data)
    evaluator.put(dict(tuned.named_parameters()))
    wanted = predictions(tuned, data)
    assert 0 < wanted.sum() < len(wanted)  # not all of one class
    assert torch.equal(evaluator.logits("test").argmax(-1), wanted)


@each_family
def test_matrices_are_put_in_as_out_by_in_and_nothing_else_changes(family) -> None:
    data, tuned = data_of(family), tuned_by_hand(family.name)
    evaluator = Evaluator(toy_settings(family.name), data)
    evaluator.put(dict(tuned.named_parameters()))
    evaluator.put_matrices(evaluator.matrices)
    plain = linear_modules(toys.reference(toys.saved(family.name)))
    for name, module in linear_modules(tuned).items():
        assert torch.equal(evaluator.matrices[name], weight_of(plain[name]))
        weight_of(module).copy_(weight_of(plain[name]))
    assert torch.equal(evaluator.logits("test").argmax(-1), predictions(tuned, data))
    assert not torch.equal(predictions(tuned, data), predictions(tuned_by_hand(family.name), data))


@each_family
def test_pretrained_holds_the_base_as_it_was(family) -> None:
    data, tuned = data_of(family), tuned_by_hand(family.name)
    evaluator = Evaluator(toy_settings(family.name), data)
    plain = toys.reference(toys.saved(family.name))
    base = {n: p for n, p in plain.named_parameters() if n.startswith(plain.base_model_prefix)}
    evaluator.put(dict(tuned.named_parameters()))
    assert evaluator.pretrained.keys() == base.keys()
    for name, parameter in base.items():
        assert torch.equal(evaluator.pretrained[name], parameter), name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_what_full_fine_tuning_trained_predicts_as_its_run_did(family, precision) -> None:
    chosen, data = toy_settings(family, precision=precision), toys.prepared(test=300)
    run = Run("full", None, 0.01, 0)
    (result,) = full.train_full(
        toys.load(toys.saved(family)), [run], data, chosen.train, toys.CPU, Progress("toy", 1)
    )
    evaluator = Evaluator(chosen, data)
    before = evaluator.logits("test").argmax(-1)
    evaluator.put({name.removeprefix("model."): x for name, x in result.state.items()})
    assert torch.equal(evaluator.logits("test").argmax(-1), result.test_predictions)
    assert not torch.equal(before, result.test_predictions)


@each_family
def test_second_moments_are_those_of_the_inputs_of_hugging_faces_own_layers(family) -> None:
    data, tuned = data_of(family), tuned_by_hand(family.name)
    evaluator = Evaluator(toy_settings(family.name), data)
    evaluator.put(dict(tuned.named_parameters()))
    sentences = data.train.first(20)
    inputs, _ = toys.padded(sentences, torch.arange(20), data.pad_token_id)
    real = inputs["attention_mask"].bool()
    seen: dict[str, list[Tensor]] = defaultdict(list)
    for name, module in linear_modules(tuned).items():
        module.register_forward_pre_hook(lambda _, args, name=name: seen[name].append(args[0]))
    with torch.no_grad():
        tuned(**inputs)
    found = evaluator.second_moments(sentences)
    assert found.keys() == seen.keys()
    # In BERT's form the last layer computes for the token that is read what only it needs.
    read_alone = ("query", "attention.output.dense", "intermediate.dense", "1.output.dense")
    last = "encoder.layer.1."
    for name, (x,) in seen.items():
        rows = x.reshape(-1, x.shape[-1])  # the pooler sees one row a sentence
        if len(rows) == real.numel():
            rows = x.reshape(*real.shape, -1)[real]
            if last in name and name.endswith(read_alone):
                rows = x[:, 0]
        wanted = rows.T @ rows / len(rows)
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-5, msg=name)


def test_a_weight_of_another_model_is_refused() -> None:
    evaluator = Evaluator(toy_settings("bert"), toys.prepared())
    with pytest.raises(StudyError, match=r"x of shape \(2,\), but model.name has no such"):
        evaluator.put({"x": torch.zeros(2)})
    name = "bert.encoder.layer.0.attention.self.query.weight"
    with pytest.raises(StudyError, match=r"\(3, 4\), but model.name has it as \(16, 16\)"):
        evaluator.put({name: torch.zeros(3, 4)})


def test_the_first_sentences_of_a_split() -> None:
    split = toys.split(10, 1)
    three = split.first(3)
    assert len(three) == 3
    assert torch.equal(three.input_ids, split.input_ids[: int(split.lengths[:3].sum())])
    assert torch.equal(three.labels, split.labels[:3])
    for all_of_them in (None, 10, 11):
        assert split.first(all_of_them) is split
