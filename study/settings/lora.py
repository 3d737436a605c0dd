"""Section `lora`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, Dropout, Flag, Positive, Ranks, RatesOrAuto, TextOrTexts
from study.entry.rules import number, one_of, optional, several, whole
from study.entry.sections import Section


@dataclass(frozen=True)
class LoraSettings:
    """The arm that trains low-rank updates (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        ranks: of the sweep; rank: the one that the headline is about, in the sweep or not.
        alpha, scaling: the update is s B A with s = alpha/rank (fixed), alpha (proportional: PEFT's
            lora_alpha is alpha times rank) or alpha/sqrt(rank) (rslora).
        target_modules: names or patterns of the modules that are adapted, or all-linear.
        layers: indices of the layers that are adapted, None for all.
        use_dora: learn each output's magnitude apart from its direction (Liu et al. 2024, arXiv
            2402.09353).
        init: default (A random, B zero) or pissa (A and B from the top singular triplets of the
            frozen weight, which keeps the rest: Meng et al. 2024, arXiv 2404.02948).
        loraplus_ratio: B's learning rate over A's (LoRA+: Hayou et al. 2024, arXiv 2402.12354).
        learning_rates: validation picks one; auto: see `study.arms.rates`.
    """

    ranks: Ranks
    rank: Count
    alpha: Positive
    scaling: Annotated[str, one_of("fixed", "proportional", "rslora")]
    dropout: Dropout
    target_modules: TextOrTexts
    layers: Annotated[tuple[int, ...] | None, optional(several(whole(0)))]
    use_dora: Flag
    init: Annotated[str, one_of("default", "pissa")]
    loraplus_ratio: Annotated[float, number(1)]
    learning_rates: RatesOrAuto


LORA = Section("lora", LoraSettings)
