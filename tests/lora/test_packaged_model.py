"""On a real pretrained model (MiniLM-L6): the same numbers as PEFT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor

from lora.adapter import attach, extract
from lora.inject import adapted_modules, inject, mark_trainable
from lora.merge import merge_and_eject
from lora.peft_format import load, save
from tests.lora.models import config, generator, logits, randomise
from tests.rounding import near_losses

STEPS = 8
LEARNING_RATE = 1e-3


def batches(count: int = STEPS) -> list[tuple[Tensor, Tensor]]:
    """Token ids (8, 16) of the model's vocabulary, framed by its special tokens, and labels."""
    draw = generator(3)
    made = []
    for _ in range(count):
        ids = torch.randint(2000, 12000, (8, 16), generator=draw)
        ids[:, 0], ids[:, -1] = 101, 102
        made.append((ids, torch.randint(0, 2, (8,), generator=draw)))
    return made


def ours(model: Any, scale: float = 0.0) -> Any:
    inject(model, config(rank=8, alpha=12.0, task_type="SEQ_CLS"), generator(0))
    mark_trainable(model, ["classifier"])
    if scale:
        randomise(model, scale=scale)
    return model


def theirs(model: Any, source: Any) -> Any:
    """PEFT's model with the factors of ours."""
    peft = get_peft_model(
        model,
        LoraConfig(r=8, lora_alpha=12, target_modules=["query", "value"], task_type="SEQ_CLS"),
    )
    with torch.no_grad():
        for name, layer in adapted_modules(source).items():
            own = peft.base_model.model.get_submodule(name)
            own.lora_A["default"].weight.copy_(layer.lora_A[0])
            own.lora_B["default"].weight.copy_(layer.lora_B[0])
    return peft.eval()


def train(model: Any) -> list[float]:
    """AdamW without dropout (eval mode); the losses before each step."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    losses = []
    for ids, labels in batches():
        optimizer.zero_grad()
        loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_same_adapter_gives_the_same_logits(packaged: Callable[[], Any]):
    model = ours(packaged(), scale=0.3)
    peft = theirs(packaged(), model)
    ids = batches(1)[0][0]
    torch.testing.assert_close(logits(model, ids), logits(peft, ids), rtol=0, atol=1e-5)
    assert (logits(model, ids) - logits(packaged(), ids)).abs().max() > 0.01


def test_the_same_steps_give_the_same_losses_factors_and_head(packaged: Callable[[], Any]):
    model = ours(packaged())
    peft = theirs(packaged(), model)
    assert train(model) == near_losses(train(peft))
    for name, layer in adapted_modules(model).items():
        own = peft.base_model.model.get_submodule(name)
        for factor in ("lora_A", "lora_B"):
            torch.testing.assert_close(
                getattr(layer, factor)[0],
                getattr(own, factor)["default"].weight,
                rtol=0,
                atol=1e-5,
            )
    head = peft.base_model.model.classifier.modules_to_save["default"]
    torch.testing.assert_close(model.classifier.weight, head.weight, rtol=0, atol=1e-5)


def test_files_travel_both_ways_and_the_merged_model_agrees(
    packaged: Callable[[], Any], tmp_path, no_network
):
    model = ours(packaged(), scale=0.3)
    ids = batches(1)[0][0]
    expected = logits(model, ids)
    save(extract(model, head_names=["classifier"]), tmp_path / "ours")
    peft = PeftModel.from_pretrained(packaged(), tmp_path / "ours").eval()
    torch.testing.assert_close(logits(peft, ids), expected, rtol=0, atol=1e-5)
    peft.save_pretrained(tmp_path / "theirs")
    back = packaged()
    attach(back, load(tmp_path / "theirs"), ["classifier"])
    assert torch.equal(logits(back, ids), expected)
    merge_and_eject(back)
    torch.testing.assert_close(logits(back, ids), expected, rtol=0, atol=1e-5)
