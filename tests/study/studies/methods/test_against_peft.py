"""(IA)^3 and prefixes train as a plain PEFT loop trains them, on the same batches."""

from __future__ import annotations

from typing import Any

import peft
import pytest
import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from study.batches import streams
from study.records.prepared import Prepared
from study.studies.methods.training.arm import train_method
from study.studies.methods.training.ia3 import IA3, targets
from study.studies.methods.training.prefix import PrefixTuning
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.plain import (
    SEED,
    agreement,
    data_of,
    far,
    lend_head,
    plain_predictions,
    plain_training,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RATE = 0.02
TOKENS = 3


def ours(family: str, method: Any, data: Prepared) -> RunResult:
    model = toys.load(toys.saved(family))
    method.prepare(model, toys.LONGEST)
    run = Run("method", None, RATE, SEED)
    settings, progress = toys.train_settings(), Progress("toy", 1)
    (result,) = train_method(model, method, [run], data, settings, toys.CPU, progress)
    return result


def plain(family: str) -> Any:
    model = toys.reference(toys.saved(family))
    lend_head(model, toys.load(toys.saved(family)))
    if model.config.pad_token_id is None:  # a decoder finds a sentence's end by it
        model.config.pad_token_id = data_of(FAMILIES[family]).pad_token_id
    return model


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "llama"])
def test_ia3(family: str) -> None:
    found = ours(family, IA3(), data_of(FAMILIES[family]))
    model = plain(family)
    every, feedforward = targets(model)
    config = peft.IA3Config(
        task_type="SEQ_CLS", target_modules=every, feedforward_modules=feedforward
    )
    peft_model, data = peft.get_peft_model(model, config), data_of(FAMILIES[family])
    losses = plain_training(peft_model, data, RATE)
    assert far(found.loss_values, losses) < 2e-5  # measured: 1.2e-6
    assert agreement(found.test_predictions, plain_predictions(peft_model, data)) == 1
    for name, tensor in found.state.items():
        if ".ia3_l." in name:
            theirs = peft_model.get_parameter(f"base_model.{name}")
            assert torch.allclose(tensor, theirs.detach(), atol=1e-4), name


class Prefixed(nn.Module):
    """RoBERTa's own head on PEFT's encoder: its classifier wants a pooler, which RoBERTa lacks."""

    def __init__(self, model: Any, tokens: int) -> None:
        super().__init__()
        config = peft.PrefixTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=tokens)
        self.encoder = peft.get_peft_model(model.roberta, config)
        self.classifier = model.classifier

    def forward(self, **inputs: Any) -> SequenceClassifierOutput:
        hidden = self.encoder(**inputs).last_hidden_state
        return SequenceClassifierOutput(logits=self.classifier(hidden))


def prefixed(family: str, tokens: int) -> tuple[Any, Any]:
    """Return PEFT's model and its prefix, which is drawn as ours is."""
    model: Any = plain(family)
    if family == "roberta":
        model = Prefixed(model, tokens)
    else:
        config = peft.PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=tokens)
        model = peft.get_peft_model(model, config)
    (prefix,) = (p for name, p in model.named_parameters() if "prompt_encoder" in name)
    with torch.no_grad():
        prefix.normal_(generator=streams.generator(SEED, "method"))
    return model, prefix


@pytest.mark.parametrize(
    ("family", "pairs"),
    [("bert", False), ("bert", True), ("roberta", False), ("gpt2", False), ("llama", False)],
)
def test_prefix(family: str, pairs: bool) -> None:
    data = data_of(FAMILIES[family])
    data = toys.paired_data(data) if pairs else data
    found = ours(family, PrefixTuning(TOKENS), data)
    model, prefix = prefixed(family, TOKENS)
    losses = plain_training(model, data, RATE)
    assert far(found.loss_values, losses) < 2e-5
    assert agreement(found.test_predictions, plain_predictions(model, data)) == 1
    (name,) = (name for name in found.state if "prompt_encoder" in name)
    assert torch.allclose(found.state[name], prefix.detach(), atol=1e-4)
