"""The methods that the settings describe, by their names."""

from __future__ import annotations

from dataclasses import dataclass

from study.settings.lora import LoraSettings
from study.studies.methods.settings import LORA_VARIANTS, OTHER_METHODS, MethodsSettings
from study.studies.methods.training.bitfit import BitFit
from study.studies.methods.training.bottleneck import BottleneckAdapters
from study.studies.methods.training.ia3 import IA3
from study.studies.methods.training.method import Method
from study.studies.methods.training.prefix import PrefixTuning


def choose(name: str, settings: MethodsSettings) -> Method:
    """Return a method that is not LoRA; no setting but its own is read."""
    assert name in OTHER_METHODS
    if name == "adapter":
        return BottleneckAdapters(settings.adapter.width)
    if name == "prefix":
        return PrefixTuning(settings.prefix.virtual_tokens)
    return BitFit() if name == "bitfit" else IA3()


def rates(name: str, settings: MethodsSettings) -> tuple[float, ...]:
    """Return the learning rates that a method tries."""
    own: tuple[float, ...] = getattr(settings, name).learning_rates
    return own


@dataclass(frozen=True)
class VariantSettings(LoraSettings):
    """Settings of a variant, which are no section of the file."""


def lora_settings(name: str, lora: LoraSettings, methods: MethodsSettings) -> VariantSettings:
    """Return the settings of a variant: plain LoRA's, with one thing changed.

    Plain is what the section `lora` says, without the variants' own things. Learning rates are left
    out: `rates` gives them, and what a method costs does not depend on them.
    """
    assert name in LORA_VARIANTS
    scaling = "fixed" if lora.scaling == "rslora" else lora.scaling
    return VariantSettings(
        ranks=(methods.rank,),
        rank=methods.rank,
        alpha=lora.alpha,
        scaling="rslora" if name == "rslora" else scaling,
        dropout=lora.dropout,
        target_modules=lora.target_modules,
        layers=lora.layers,
        use_dora=name == "dora",
        init="pissa" if name == "pissa" else "default",
        loraplus_ratio=methods.lora_plus.ratio if name == "lora_plus" else 1.0,
        learning_rates=(),
    )
