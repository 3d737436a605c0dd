"""Which one state a head reads is found by trying, and the head alone gives the model's logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lora.inject import eject
from study.arms import head_only, lora
from study.batches.feeds import TokenFeed
from study.batches.packing import BLOCKS, pack
from study.entry.errors import StudyError
from study.models import readout
from study.models.packed import PackedClassifier
from study.models.readout import FIRST, LAST, MEAN, POOLED
from study.training.loop import Run
from study.training.progress import Progress
from tests.study import toys
from tests.study.toys import EVERY, saved

KINDS = {
    **{"bert": POOLED, "roberta": FIRST, "distilbert": FIRST, "gpt2": LAST, "llama": LAST},
    **{"albert": POOLED, "mpnet": FIRST, "electra": FIRST, "gptj": LAST, "deberta": FIRST},
    **{"deberta shared": FIRST, "modernbert cls": FIRST, "modernbert mean": MEAN},
    **{"bart": LAST, "t5": LAST},
}
ORDERS = [torch.tensor(row) for row in ([3, 0, 7, 8, 1], [2, 6, 5, 4, 0])]


def batch_of(name: str) -> Any:
    data = toys.split(9, seed=4)
    pad = EVERY[name].config.pad_token_id or 0
    return pack(toys.ended(data) if name in ("bart", "t5") else data, ORDERS, pad, BLOCKS)


def test_every_family_is_tried() -> None:
    assert KINDS.keys() == EVERY.keys()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", KINDS)
def test_the_right_state_is_found_and_its_head_gives_the_models_logits(
    name: str, dtype: torch.dtype
) -> None:
    way = "separate" if name == "deberta shared" else "padded"
    classifier = PackedClassifier(toys.load(saved(name), 0.3, dtype, way), [0, 5])
    head = classifier._head_alone
    assert head is not None
    assert head.kind == KINDS[name]
    batch = batch_of(name)
    with torch.no_grad():
        logits = classifier(batch)
        found = classifier.classify(classifier.features(batch))
    allowed = 1e-5 if dtype == torch.float32 else 0.03
    torch.testing.assert_close(found, logits, atol=allowed, rtol=allowed)
    assert not classifier.model.training  # as it was
    assert "forward" not in vars(classifier.model.base_model)
    assert not classifier.model.base_model._forward_hooks


def test_adapters_that_meet_rows_of_no_run_do_not_hinder() -> None:
    name = "deberta shared"
    model = toys.load(saved(name), batching="separate")
    seeds = [0, 5, 6]
    classifier = PackedClassifier(model, seeds)
    lora.adapt(model, [toys.lora_config(EVERY[name])] * 3, seeds)
    data = toys.split(9, seed=4)
    batch = pack(data, [torch.arange(5)] * 3, 0, BLOCKS)
    logits = classifier(batch)
    torch.testing.assert_close(classifier.classify(classifier.features(batch)), logits)
    eject(model)


def test_of_two_states_within_rounding_the_nearer_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last is tried after the first; here the first is nearly, and the last is truly, it."""
    classifier = PackedClassifier(toys.load(saved("gpt2"), batching="padded"), [0])
    found = readout.states_of

    def close(output: Any, rows: Any) -> dict[str, Tensor]:
        states = found(output, rows)
        return {**states, FIRST: states[LAST] * (1 + 1e-6)}

    monkeypatch.setattr(readout, "states_of", close)
    head = classifier._head_alone
    assert head is not None
    assert head.kind == LAST


class TwoStates(nn.Module):
    """A head that multiplies the first token's state by the second's."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(16, 16)
        self.out_proj = nn.Linear(16, 2)

    def forward(self, features: Tensor, **_: Any) -> Tensor:
        y: Tensor = self.out_proj(self.dense(features[:, 0] * features[:, 1]))
        return y


def test_a_head_that_reads_two_states_trains_on_tokens() -> None:
    model = toys.load(saved("roberta"), batching="padded")
    data, settings = toys.prepared(pad=1), toys.train_settings()
    model.classifier = TwoStates()
    classifier = PackedClassifier(model, [0])
    assert not classifier.has_features
    with pytest.raises(StudyError, match=r"model\.name.*more than one state"):
        classifier.features(batch_of("roberta"))
    feed = head_only.features(model, data, settings, toys.CPU)
    assert isinstance(feed, TokenFeed)
    runs = [Run("head_only", None, 0.05, seed) for seed in (0, 1)]
    together = head_only.train_head_only(
        model, runs, feed, settings, 12, toys.CPU, Progress("toy", 2)
    )
    (alone,) = head_only.train_head_only(
        model, runs[1:], feed, settings, 12, toys.CPU, Progress("toy", 1)
    )
    for result in together:
        first, best = result.loss_values[0], min(result.loss_values)
        assert best < 0.8 * first
        assert result.test_logits.shape == (40, 2)
        assert {name.rpartition(".")[0] for name in result.state} == {
            "model.classifier.dense",
            "model.classifier.out_proj",
        }
    torch.testing.assert_close(
        torch.tensor(alone.loss_values), torch.tensor(together[1].loss_values), atol=1e-5, rtol=0
    )
    dropping = toys.load(saved("roberta"), 0.5, batching="padded")
    dropping.classifier = model.classifier  # which has no dropout of its own
    (found,) = head_only.train_head_only(
        dropping, runs[1:], feed, settings, 12, toys.CPU, Progress("toy", 1)
    )
    assert found.loss_values == alone.loss_values  # nor is anything dropped below it
