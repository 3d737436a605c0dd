"""Which learning rates the arms will try, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import PretrainedConfig

from study.arms import lora
from study.arms.rates import Rates, full_rates
from study.words.phrases import listed

if TYPE_CHECKING:
    from study.settings.whole import Settings


def rates_words(settings: Settings, model: PretrainedConfig) -> str:
    """Say which rates LoRA and full fine-tuning try, of which validation picks one an arm."""
    own = settings.lora
    by_rates: dict[Rates, list[str]] = {}
    for rank in sorted({*own.ranks, own.rank}):
        config = lora.config_of(own, rank, settings.model.name)
        rates = lora.rates_of(own, config, model)
        by_rates.setdefault(rates, []).append(str(rank))
    full = full_rates(settings.full.learning_rates, model)
    parts = [
        f"LoRA{'' if len(by_rates) == 1 else f' at rank {listed(ranks)}:'} {_words(rates)}"
        for rates, ranks in by_rates.items()
    ]
    return f"learning rates: {'; '.join(parts)}; full fine-tuning {_words(full)}"


def _words(rates: Rates) -> str:
    return listed([f"{rate:g}" for rate in rates])
