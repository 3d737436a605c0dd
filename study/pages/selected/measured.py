"""The logits that the study measured, once more, in fp32: as training computes them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lora.adapter import Adapter, attach
from study.batches.packing import by_length, pack
from study.models.packed import PackedClassifier, load_for
from study.records.prepared import Prepared

_TOKENS_AT_ONCE = 4096


@torch.no_grad()
def measured_logits(name: str, adapter: Adapter, data: Prepared, count: int) -> Tensor:
    """Return the logits (count, classes) of the first test sentences, on the CPU.

    Args:
        name: of the base, as in the settings.
        adapter: with its head, and with what the base's checkpoint lacks.

    Raises:
        StudyError: as `load_for`.
    """
    model = load_for(data, name, torch.float32)
    classifier = PackedClassifier(model, seeds=[0])
    heads = {n.removeprefix("model."): classifier.get_parameter(n) for n in classifier.head_names}
    rest = {name: tensor for name, tensor in adapter.head.items() if name not in heads}
    attach(model, replace(adapter, head=rest))
    for head, parameter in heads.items():
        parameter[0] = adapter.head[head]
    classifier.eval()
    few = data.test.first(count)
    result = torch.empty(count, data.num_labels)
    for chosen in by_length(few, _TOKENS_AT_ONCE):
        result[chosen] = classifier(pack(few, [chosen], data.pad_token_id, blocks=1))[0]
    return result
