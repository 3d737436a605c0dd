"""How many operations a method's training and inference take, counted as `cost.flops` does.

What a method does element by element (scaling activations, taking weights out of 4 bit, norms)
counts as nothing there, though it takes time: that is what the measured speed is for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import PretrainedConfig, PreTrainedModel

from study.analyses.cost.by_pass import (
    ByPass,
    inference_by_pass,
    shared,
    training_by_pass,
)
from study.analyses.cost.plain import load_plain
from study.analyses.operations.flops import (
    Flops,
    counted,
    fit,
    on_meta_or_cpu,
    without_weights,
)
from study.arms import lora
from study.batches.packing import pack
from study.models.dequantised import read_config
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared, Split
from study.studies.methods.settings import OTHER_METHODS
from study.studies.methods.training.choose import choose, lora_settings
from study.studies.methods.training.prefix import PrefixTuning

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


def operations_of(name: str, settings: MethodsStudy, data: Prepared) -> tuple[ByPass, ByPass]:
    """Return the operations of a training step and of inference, unmerged.

    Args:
        name: of a method, "full" or "head_only".

    Raises:
        NotApplicable: the method has no place in the settings' model.
    """
    config = read_config(settings.model.name)
    labels = data.num_labels
    if name in (FULL, HEAD_ONLY):
        return training_by_pass(config, labels, name), inference_by_pass(config, labels)
    if name in OTHER_METHODS:
        if name == "prefix":
            counts = (_of_prefix(settings, data, backward) for backward in (True, False))
            training, inference = map(ByPass, counts)
            return training, inference
        return (
            _of_method(name, settings, config, data, backward=True),
            _of_method(name, settings, config, data, backward=False),
        )
    own = lora_settings(name, settings.lora, settings.methods)
    # How the factors start costs no step anything, and PiSSA's start reads weights.
    adapter = lora.config_of(replace(own, init="default"), own.rank, settings.model.name)
    return (
        training_by_pass(config, labels, LORA, adapter),
        inference_by_pass(config, labels, adapter),
    )


def _of_method(
    name: str, settings: MethodsStudy, config: PretrainedConfig, data: Prepared, backward: bool
) -> ByPass:
    def built(device: str) -> PreTrainedModel:
        model = without_weights(config, data.num_labels, device)
        method = choose(name, settings.methods)
        method.prepare(model, data.max_length)
        prefix = f"{model.base_model_prefix}."
        names = method.insert(model, torch.Generator())
        for parameter, tensor in model.named_parameters():
            tensor.requires_grad_(parameter in names or not parameter.startswith(prefix))
        return model

    def alone(device: str) -> Flops:
        model = built(device)
        return fit(lambda length: counted(model, length, backward))

    once = on_meta_or_cpu(lambda device: shared(built(device).base_model, backward))
    return ByPass(on_meta_or_cpu(alone), once)


def _of_prefix(settings: MethodsStudy, data: Prepared, backward: bool) -> Flops:
    """Count on real weights: PEFT asks for values of masks, which the meta device has none of."""
    model = load_plain(settings.model.name, data, torch.float32)
    method = PrefixTuning(settings.methods.prefix.virtual_tokens)
    method.prepare(model, data.max_length)
    classifier, names = method.classifier(model, 0, torch.Generator())
    trained = {*names, *classifier.head_names}
    for name, tensor in classifier.named_parameters():
        tensor.requires_grad_(name in trained)

    def count(length: int) -> int:
        ids = data.train.input_ids[:1].expand(length)
        one = Split(ids, torch.tensor([length], dtype=torch.int32), data.train.labels[:1])
        batch = pack(one, [torch.tensor([0])], data.pad_token_id, blocks=1)
        with FlopCounterMode(display=False) as counter:
            logits: Tensor = classifier(batch)
            if backward:
                F.cross_entropy(logits[0], batch.labels[0]).backward()
        return int(counter.get_total_flops())

    return fit(count)
