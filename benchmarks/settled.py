"""What `auto` in the settings stands for, on the model and the data of a benchmark."""

from __future__ import annotations

from transformers import AutoConfig

from study.arms import lora
from study.arms.rates import Rates, full_rates
from study.settings.whole import Settings
from study.sources.resolve import resolve_model


def rates_of_lora(settings: Settings) -> Rates:
    """Return the learning rates that LoRA tries at the headline's rank."""
    own = settings.lora
    if own.learning_rates != "auto":
        return own.learning_rates
    name = settings.model.name
    config = lora.config_of(own, own.rank, name)
    return lora.rates_of(own, config, AutoConfig.from_pretrained(resolve_model(name)))


def rates_of_full(settings: Settings) -> Rates:
    """Return the learning rates that full fine-tuning tries."""
    asked = settings.full.learning_rates
    if asked != "auto":
        return asked
    return full_rates(asked, AutoConfig.from_pretrained(resolve_model(settings.model.name)))
