"""The settings of the comparison of methods: methods/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from study.entry.kinds import Count, Rates
from study.entry.rules import number, one_of, several
from study.entry.sections import Section

LORA_VARIANTS = ("lora", "rslora", "lora_plus", "dora", "pissa", "qlora")
OTHER_METHODS = ("adapter", "bitfit", "ia3", "prefix")


@dataclass(frozen=True)
class MethodSettings:
    """One method of the comparison."""

    learning_rates: Rates


@dataclass(frozen=True)
class LoraPlusSettings(MethodSettings):
    """LoRA with a higher learning rate for B; `ratio`: over A's."""

    ratio: Annotated[float, number(1)]


@dataclass(frozen=True)
class AdapterSettings(MethodSettings):
    """Bottleneck adapters; `width`: of the bottleneck."""

    width: Count


@dataclass(frozen=True)
class PrefixSettings(MethodSettings):
    """Prefix tuning; `virtual_tokens`: keys and values before each layer's own."""

    virtual_tokens: Count


@dataclass(frozen=True)
class MethodsSettings:
    """The comparison of methods (`methods/dvc.yaml`).

    Attributes:
        lora_variants: LoRA with one thing changed; others: methods that are not LoRA.
        rank: of all variants. Everything else of theirs is the section `lora`'s, plain: without
            DoRA, PiSSA, LoRA+ and rsLoRA, but for the one that the variant is about.
    """

    lora_variants: Annotated[tuple[str, ...], several(one_of(*LORA_VARIANTS))]
    others: Annotated[tuple[str, ...], several(one_of(*OTHER_METHODS))]
    rank: Count
    lora: MethodSettings
    rslora: MethodSettings
    lora_plus: LoraPlusSettings
    dora: MethodSettings
    pissa: MethodSettings
    qlora: MethodSettings
    adapter: AdapterSettings
    bitfit: MethodSettings
    ia3: MethodSettings
    prefix: PrefixSettings


METHODS = Section("methods", MethodsSettings, file="methods/params.yaml")

if TYPE_CHECKING:
    from study.settings.whole import Settings

    @dataclass(frozen=True)
    class MethodsStudy(Settings):
        """The main study's settings and the methods'."""

        methods: MethodsSettings
