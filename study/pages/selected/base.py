"""The base model as anybody loads it: plain transformers, in fp32, without the study's own parts.

Its config says that it tells one class of several, whatever the checkpoint was tuned for: a
pipeline takes from there how logits become scores.

What a checkpoint lacks (a pooler, where it was saved without one) is drawn at random when a model
is loaded. Training drew it once, kept it, and every adapter was learned on top of it; whoever loads
the base again draws another one. So these weights belong to what is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lora.adapter import Adapter
from study.models.dequantised import dequantised
from study.models.objective import problem_type
from study.models.packed import load_for
from study.models.pretrained import quiet
from study.records.prepared import Prepared
from study.sources.resolve import pretrained


@dataclass(frozen=True, eq=False)
class Base:
    """A loaded base.

    Attributes:
        model: fp32, in evaluation mode; its head is random.
        lacks: parameters beside the head's that the checkpoint does not have.
        other_head: whether the checkpoint's head is of another number of classes.
        dtype: of the checkpoint's own weights, as in "float32".
    """

    model: PreTrainedModel
    lacks: tuple[str, ...]
    other_head: bool
    dtype: str


def load_base(name: str, label_names: Sequence[str]) -> Base:
    """Load `model.name` with a head for these classes, or of a regression for one number.

    Raises:
        StudyError: there is no such model.
    """
    labels = dict(enumerate(label_names))
    path, options = pretrained(name)
    arguments: dict[str, Any] = {
        "num_labels": len(labels) or 1,
        "problem_type": problem_type("classification" if labels else "regression"),
        "trust_remote_code": False,
        "use_safetensors": True,  # never a pickle
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    if labels:
        arguments["id2label"] = labels
        arguments["label2id"] = {label: i for i, label in labels.items()}
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=torch.float32, **dequantised(options), **arguments
        )
    prefix = f"{model.base_model_prefix}."
    stored = getattr(model.config, "dtype", None)
    return Base(
        model.eval(),
        tuple(sorted(key for key in report["missing_keys"] if key.startswith(prefix))),
        bool(report["mismatched_keys"]),
        str(stored or torch.float32).removeprefix("torch."),
    )


def with_lacking(
    adapter: Adapter, base: Base, name: str, dtype: torch.dtype, data: Prepared
) -> Adapter:
    """Put what the base's checkpoint lacks beside the adapter's head, as training drew it.

    Args:
        name: as in the settings; dtype: that training computed in; data: trained on.

    Raises:
        StudyError: as `load_for`.
    """
    if not base.lacks:
        return adapter
    trained_on = load_for(data, name, dtype)
    drawn = {key: trained_on.get_parameter(key).detach().float() for key in base.lacks}
    return replace(adapter, head=dict(sorted({**adapter.head, **drawn}.items())))
