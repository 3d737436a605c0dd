"""Toy studies for the comparison: settings that name a saved toy model, and tuned models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from study.settings import whole as settings
from tests.study import toys
from tests.study.companion_settings import with_companions

PARAMS = Path(__file__).parents[4] / "params.yaml"


def toy_settings(family: str, *, precision: str = "fp32", **lora: Any) -> Any:
    """Return the default settings, the other pipelines' too, with a saved toy model in them."""
    chosen = with_companions(settings.load(PARAMS))
    return dataclasses.replace(
        chosen,
        seeds=(0,),
        model=dataclasses.replace(chosen.model, name=str(toys.saved(family))),
        train=toys.train_settings(precision=precision),
        lora=dataclasses.replace(chosen.lora, **lora),
    )


def tuned_by_hand(family: str, seed: int = 5) -> PreTrainedModel:
    """Return the plain toy model with something added to every parameter."""
    model = toys.reference(toys.saved(family))
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    tuned: PreTrainedModel = model.requires_grad_(False)
    return tuned
