"""Pairs of texts train as transformers and PEFT train them, which are told whose each token is."""

from __future__ import annotations

import pytest
import torch

from study.arms import full as full_arm
from study.arms import head_only
from study.batches.packing import FeatureBatch
from study.records.prepared import Batching
from study.training.loop import Run
from study.training.progress import Progress
from tests.lora.models import FAMILIES
from tests.rounding import near_losses
from tests.study import toys
from tests.study.plain import SEED, data_of, lend_head, peft_of, plain_predictions, plain_training
from tests.study.toys import lora_run, saved, train_lora

BERT = FAMILIES["bert"]
RATE = 0.01


@pytest.mark.parametrize("batching", ["packed", "padded"])
def test_lora(batching: Batching) -> None:
    data = toys.paired_data(data_of(BERT))
    adapted, _ = peft_of(BERT, 3)
    losses = plain_training(adapted, data, RATE)
    runs = [lora_run(SEED, RATE), lora_run(SEED + 1, RATE)]
    result, other = train_lora(runs, data=data, batching=batching)
    (one_text,) = train_lora(runs[:1], data=data_of(BERT))
    assert result.loss_values == near_losses(losses)
    assert result.loss_values != other.loss_values
    assert abs(result.loss_values[0] - one_text.loss_values[0]) > 1e-4
    assert torch.equal(result.test_predictions, plain_predictions(adapted.eval(), data))


def test_full_fine_tuning_with_a_trimmed_embedding() -> None:
    data = toys.paired_data(data_of(BERT))
    plain = toys.reference(saved("bert"))
    lend_head(plain, toys.load(saved("bert")))
    losses = plain_training(plain, data, 1e-3)
    model = toys.load(saved("bert"))
    trimmed = full_arm.trim_embedding(model, data)
    assert trimmed.train.token_types is data.train.token_types
    assert len(model.get_input_embeddings().weight) < len(plain.get_input_embeddings().weight)
    run, settings = Run("full", None, 1e-3, SEED), toys.train_settings()
    (result,) = full_arm.train_full(model, [run], trimmed, settings, toys.CPU, Progress("toy", 1))
    assert result.loss_values == near_losses(losses, 16)
    (name,) = (name for name in result.state if "token_type" in name)
    own = plain.get_parameter(name.removeprefix("model.")).detach()
    torch.testing.assert_close(result.state[name], own, atol=1e-5, rtol=0)


def test_an_embedding_that_token_types_are_looked_up_in_as_well_is_left_whole() -> None:
    data, model = data_of(FAMILIES["gpt2"]), toys.load(saved("gpt2"))
    pairs = toys.paired_data(data)
    assert full_arm.trim_embedding(model, pairs) is pairs
    assert full_arm.trim_embedding(model, data) is not data


@pytest.mark.parametrize("batching", ["packed", "padded"])
def test_the_states_that_a_head_is_trained_on_are_those_of_pairs(batching: Batching) -> None:
    data, settings = toys.paired_data(data_of(BERT)), toys.train_settings()
    model = toys.load(saved("bert"), batching=batching)
    feed = head_only.features(model, data, settings, toys.CPU)
    plain = toys.reference(saved("bert"))
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    with torch.no_grad():
        own = plain.bert(**inputs)
    state = own.last_hidden_state[:, 0] if batching == "packed" else own.pooler_output
    found = torch.empty_like(state)
    for sentences, batch in feed.evaluation("test", 1):
        assert isinstance(batch, FeatureBatch)
        found[sentences] = batch.features[:, 0]
    torch.testing.assert_close(found, state, atol=1e-5, rtol=1e-5)
