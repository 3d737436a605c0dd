"""Training as a tutorial does it: transformers, PEFT and torch, on padded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import peft
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import Trainer, get_linear_schedule_with_warmup

from lora.inject import adapted_modules
from study.arms import lora
from study.batches.packing import epoch_order
from study.models.packed import PackedClassifier
from study.records.prepared import Batching, Prepared
from tests.lora.models import Family
from tests.study import toys
from tests.study.toys import saved

# At most seeds factors agree to 1e-6. At a few (5) one element's gradient is next to nothing in an
# early step, and Adam makes a full step of its rounding.
SEED = 6
PEFT_START = "base_model.model."


def data_of(family: Family) -> Prepared:
    """Return sentences padded with the family's own id."""
    return toys.prepared(pad=family.config.pad_token_id or 0)


def autocast(precision: str) -> torch.autocast:
    """What Trainer's `bf16=True` puts around a forward pass."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")


def trainable(model: Any) -> dict[str, Any]:
    """Return the parameters that train, by name."""
    return {n: p for n, p in model.named_parameters() if p.requires_grad}


def adamw(model: Any, rate: float) -> torch.optim.Optimizer:
    """Return AdamW as transformers' Trainer sets it up."""
    decaying = set(Trainer.get_decay_parameter_names(None, model))
    trained = trainable(model)
    return torch.optim.AdamW(
        [
            {"params": [p for n, p in trained.items() if n in decaying], "weight_decay": 0.01},
            {"params": [p for n, p in trained.items() if n not in decaying], "weight_decay": 0.0},
        ],
        lr=rate,
    )


def plain_training(
    model: Any,
    data: Prepared,
    rate: float,
    precision: str = "fp32",
    optimizer_of: Callable[[Any, float], torch.optim.Optimizer] = adamw,
) -> list[float]:
    """Train what of the model is trainable, as a tutorial would; return each step's loss."""
    settings = toys.train_settings()
    trained = trainable(model)
    optimizer = optimizer_of(model, rate)
    schedule = get_linear_schedule_with_warmup(optimizer, 2, 8)
    losses = []
    for chosen in epoch_order(len(data.train), SEED, 1).split(settings.batch_size):
        inputs, labels = toys.padded(data.train, chosen, data.pad_token_id)
        with autocast(precision):
            loss = F.cross_entropy(model(**inputs).logits.float(), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


@torch.no_grad()
def plain_predictions(model: Any, data: Prepared) -> Tensor:
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    predictions: Tensor = model(**inputs).logits.argmax(-1)
    return predictions


@torch.no_grad()
def lend_head(model: Any, folder_model: Any) -> list[str]:
    """Give a plain model the head that the seed's run starts from; return its names."""
    classifier = PackedClassifier(folder_model, [SEED])
    rows = dict(classifier.named_parameters())
    names = []
    for name in classifier.head_names:
        plain = name.removeprefix("model.")
        model.get_parameter(plain).copy_(rows[name][0])
        names.append(plain)
    return names


def peft_of(
    family: Family, rank: int, batching: Batching = "packed", **options: Any
) -> tuple[Any, list[str]]:
    """Return PEFT's model with the factors and head that the seed's run starts from.

    And the names that the head's parameters have in the model below.

    Args:
        options: of PEFT's LoraConfig.
    """
    plain = toys.reference(saved(family.name))
    ours = toys.load(saved(family.name), batching=batching)
    names = lend_head(plain, ours)
    lora.adapt(ours, [toys.lora_config(family, rank)], [SEED])
    adapted = peft.get_peft_model(
        plain,
        peft.LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            target_modules=list(family.targets),
            task_type="SEQ_CLS",
            fan_in_fan_out=family.name == "gpt2",
            **options,
        ),
    )
    if options.get("init_lora_weights") == "pissa":
        return adapted, names
    with torch.no_grad():
        for name, layer in adapted_modules(ours).items():
            theirs = adapted.get_parameter(f"{PEFT_START}{name}.lora_A.default.weight")
            theirs.copy_(layer.lora_A[0])
    return adapted, names


def far(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest difference between two runs' losses."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def agreement(one: Tensor, other: Tensor) -> float:
    """Return the share of equal predictions."""
    return float((one == other).double().mean())
