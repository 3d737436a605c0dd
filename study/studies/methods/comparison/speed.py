"""`methods/metrics/machine/comparison.json`: what takes a clock, of one machine at one moment.

training    of each method, full fine-tuning and head only: see `study.analyses.cost.speed.training`
memory      the peak of a process that trains it: see `study.analyses.cost.memory.peak_of`. (IA)^3
            and prefix tuning load PEFT, and QLoRA bitsandbytes, which count there
latency     of one sentence at a time in fp32, unmerged: `milliseconds`, and the `ratio` to the
            base's on the same sentences (median, lowest and highest repeat)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.analyses.cost.intervals import Spread
from study.analyses.cost.latency import BASE, time_calls
from study.analyses.cost.memory import peak_of
from study.analyses.cost.plain import load_plain, padded_batches
from study.analyses.cost.speed import say, training
from study.analyses.cost.throughput import RATE, StepTimer, Timed, Trainer, synchronizer
from study.arms import lora
from study.arms.lora import LoraArm
from study.records import prepared
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.prepared import Prepared
from study.studies.methods.settings import OTHER_METHODS
from study.studies.methods.training.arm import MethodArm
from study.studies.methods.training.choose import choose, lora_settings
from study.studies.methods.training.method import NotApplicable
from study.studies.methods.training.prefix import PrefixClassifier
from study.studies.methods.training.quantised import quantise
from study.studies.methods.training.variants import QLoraArm
from study.training.executors import Arm
from study.training.loop import Run
from study.training.machine import device

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


def speed(settings: MethodsStudy, folder: str, data: Prepared) -> dict[str, Any]:
    """Measure everything.

    Args:
        folder: of the prepared data, which `data` is.

    Raises:
        StudyError: the model cannot be loaded, or bitsandbytes is not installed and is needed.
    """
    base = load_plain(settings.model.name, data, torch.float32)
    names = [name for name in _names(settings) if _has_a_place(name, settings, data, base)]
    say("latency of the methods")
    rows = latency(settings, data, names, base)
    arms = [FULL, HEAD_ONLY, *names]
    say("training with each method")
    trained = training(settings, data, [(arm, None) for arm in arms], MethodTrainer)
    say("memory of each method")
    held = [{"arm": arm} | peak_of(_train, settings, folder, arm) for arm in arms]
    return {
        "sentences": len(data.test.first(settings.cost.sentences)),
        "repeats": settings.cost.repeats,
        "latency": rows,
        "training": [{key: of[key] for key in of if key != "rank"} for of in trained],
        "memory": held,
    }


def _names(settings: MethodsStudy) -> tuple[str, ...]:
    return settings.methods.lora_variants + settings.methods.others


def _has_a_place(name: str, settings: MethodsStudy, data: Prepared, base: PreTrainedModel) -> bool:
    model = copy.deepcopy(base)
    try:
        if name == "qlora":
            quantise(model)
        elif name in OTHER_METHODS:
            choose(name, settings.methods).prepare(model, data.max_length)
    except NotApplicable:
        return False
    return True


class MethodTrainer(Trainer):
    """Trains one run of any method on a few sentences; loads what each needs once."""

    _settings: MethodsStudy

    def train(self, arm: str, rank: int | None = None) -> Timed:
        """Train for an epoch, or the head alone for its own."""
        if arm in (FULL, HEAD_ONLY):
            return super().train(arm, rank)
        timer = StepTimer(synchronizer(self._used))
        self._arms[arm]([Run(arm, rank, RATE, self._settings.seeds[0])], timer)
        lengths = self._data.train.lengths
        return Timed(timer.seconds, len(lengths), int(lengths.sum()))

    @cached_property
    def _arms(self) -> dict[str, Arm]:
        return {name: self._make(name) for name in _names(self._settings)}

    def _make(self, name: str) -> Arm:
        """Return what trains a method; it loads its model when it is called."""
        settings = replace(self._settings, train=replace(self._settings.train, epochs=1))
        if name in OTHER_METHODS:
            return MethodArm(settings, self._data, name)
        own = lora_settings(name, settings.lora, settings.methods)
        config = lora.config_of(own, own.rank, settings.model.name)
        settings = replace(settings, lora=own)
        return (QLoraArm if name == "qlora" else LoraArm)(settings, self._data, config)


def _train(settings: MethodsStudy, folder: str, arm: str) -> None:
    MethodTrainer(settings, prepared.load(folder), device(settings.train)).train(arm)


def latency(
    settings: MethodsStudy, data: Prepared, names: list[str], base: PreTrainedModel
) -> list[dict[str, Any]]:
    """Time the inference of every method, and of the base, in turns on each sentence.

    Args:
        base: plain transformers, fp32.
    """
    used = device(settings.train)
    base = base.to(used)
    models: dict[str, Any] = {BASE: base}
    for name in names:
        models[name] = _with_method(name, settings, data, base)
    chosen = data.test.first(settings.cost.sentences)
    batches = [
        {name: tensor.to(used) for name, tensor in batch.items()}
        for batch in padded_batches(chosen, 1, data.pad_token_id)
    ]
    timings = time_calls(models, batches, settings.cost.repeats, synchronizer(used))
    return [
        {
            "arm": name,
            "milliseconds": Spread.of(1e3 * timings.per_sentence(name)).to_json(),
            "ratio": Spread.of(timings.ratios(name)).to_json(),
        }
        for name in models
    ]


def _with_method(
    name: str, settings: MethodsStudy, data: Prepared, base: PreTrainedModel
) -> Callable[..., Any]:
    """Return what classifies with a method as it starts: what it has learned takes no time."""
    shared: dict[int, Any] = {id(parameter): parameter for parameter in base.parameters()}
    model: PreTrainedModel = copy.deepcopy(base, memo=shared)
    if name not in OTHER_METHODS:
        if name == "qlora":
            quantise(model)
        own = lora_settings(name, settings.lora, settings.methods)
        # PiSSA's start would alter the base's weights, which all models here share.
        own = replace(own, init="default")
        lora.adapt(model, [lora.config_of(own, own.rank, settings.model.name)], [0])
        return partial(_logits, model.eval())
    method = choose(name, settings.methods)
    method.prepare(model, data.max_length)
    classifier, _ = method.classifier(model, 0, torch.Generator())
    classifier.to(base.device).eval()
    if isinstance(classifier, PrefixClassifier):
        return partial(_prefix_logits, classifier)
    return partial(_logits, model)


def _logits(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    logits: Tensor = model(**inputs).logits
    return logits


def _prefix_logits(model: PrefixClassifier, **inputs: Tensor) -> Tensor:
    return model.classify(model.padded_features(inputs))
