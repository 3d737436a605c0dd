"""The learning rates that `auto` stands for: two an arm, by the model's width.

LoRA's lower one is what Schulman et al. (2025, "LoRA Without Regret"; tinker-cookbook,
hyperparam_utils, for Llama models) give for a hidden size h, 5e-4 (2000 / h)^0.781: 0.002 for the
default model, where this study's own search had its best (docs/training.md). Full fine-tuning's is
a twentieth of it, as in that search (0.0001); Schulman et al. have a tenth, and a fifteenth in
short runs. The other rate of an arm is twice as large. Below the default model's width, 384,
nothing was searched: the rule goes on, and rates rise without a limit.

Both are for alpha / r with alpha = 16. Where the update s B A is scaled otherwise, the best rate
goes as (s r)^-1/2 (arXiv 2602.06204), and with LoRA+ A's goes as the ratio's root, so that the two
rates' mean stays: in this study's searches 0.0005 was best at ratio 16.
"""

from __future__ import annotations

import math

from transformers import PretrainedConfig

from study.entry.kinds import Auto
from study.sources.configs import width

ALPHA = 16.0  # that `WIDE` is for
WIDE, WIDTH, EXPONENT = 5e-4, 2000, 0.781  # LoRA's rate at a hidden size, and how it falls with it
OF_FULL = 1 / 20  # full fine-tuning's rate over LoRA's

Rates = tuple[float, ...]


def lora_rates(
    asked: Rates | Auto, model: PretrainedConfig, scaled_rank: float, loraplus_ratio: float
) -> Rates:
    """Return the learning rates to try with an adapter: those that were asked for, or two.

    Args:
        scaled_rank: s r, alpha where the update is scaled by alpha / r.
    """
    if asked != "auto":
        return asked
    return _two(_rounded(_by_width(model) / math.sqrt(scaled_rank / ALPHA * loraplus_ratio), 1))


def full_rates(asked: Rates | Auto, model: PretrainedConfig) -> Rates:
    """Return the learning rates to try with full fine-tuning: those asked for, or two."""
    return asked if asked != "auto" else _two(OF_FULL * _rounded(_by_width(model), 1))


def _by_width(model: PretrainedConfig) -> float:
    return WIDE * float((WIDTH / width(model)) ** EXPONENT)


def _two(rate: float) -> Rates:
    return _rounded(rate, 2), _rounded(2 * rate, 2)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
