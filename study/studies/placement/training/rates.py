"""The learning rates that `auto` stands for.

The main study's lower one, by the model's width (`study.arms.rates`). Where more than twice as many
matrices are adapted as the main study adapts, half of it too, and validation picks: each step then
moves what the model computes in more places, so that the best rate may be lower.
"""

from __future__ import annotations

from transformers import PretrainedConfig

from lora.config import LoRAConfig
from study.arms.rates import Rates, lora_rates
from study.entry.kinds import Auto

_MANY = 2.0  # times the main study's matrices: more are many


def rates_of(
    asked: Rates | Auto,
    config: LoRAConfig,
    model: PretrainedConfig,
    times_as_many: float,
    loraplus_ratio: float,
) -> Rates:
    """Return the learning rates to try.

    Args:
        times_as_many: matrices that are adapted, over those that the main study adapts.
    """
    if asked != "auto":
        return asked
    scaled = config.scaling_of("") * config.rank
    lower = min(lora_rates("auto", model, scaled, loraplus_ratio))
    return (lower / 2, lower) if times_as_many > _MANY else (lower,)
