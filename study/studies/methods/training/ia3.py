"""(IA)^3 through PEFT: keys, values and inner activations scaled (Liu et al. 2022, 2205.05638).

One learned number for each key, each value and each inner feature of the feed-forward part, all
ones at the start. Where a family has queries, keys and values in one module (GPT-2), PEFT's way is
to scale all three.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from study.models.fused_layer import unfuse
from study.studies.methods.training.method import Method
from study.studies.methods.training.peft_library import load_peft
from study.studies.methods.training.places import FEEDFORWARD_OUTPUT, KEY, VALUE, modules_at

_ADAPTER = "default"


class IA3(Method):
    """PEFT's (IA)^3 layers in the study's own classifier."""

    def prepare(self, model: PreTrainedModel, max_length: int) -> None:
        """Let the layers call their modules.

        Raises:
            NotApplicable: a model of another family.
        """
        del max_length
        targets(model)
        unfuse(model)

    def insert(self, model: PreTrainedModel, generator: torch.Generator) -> tuple[str, ...]:
        """Let PEFT wrap the modules."""
        del generator  # all ones
        every, feedforward = targets(model)
        config = load_peft().IA3Config(target_modules=every, feedforward_modules=feedforward)
        load_peft().inject_adapter_in_model(config, model, adapter_name=_ADAPTER)
        return tuple(name for name, _ in model.named_parameters() if ".ia3_l." in name)

    def eject(self, model: PreTrainedModel) -> None:
        """Put the modules back."""
        for name, layer in _layers(model):
            model.set_submodule(name, layer.get_base_layer())
        # What else PEFT left in the model, without which it takes the next one for a second.
        vars(model).pop("peft_config", None)

    def keep_fp32(self, name: str) -> bool:
        """Keep all in fp32: each number's gradient is a sum over all tokens."""
        del name
        return True

    def merge(self, model: PreTrainedModel) -> None:
        """Multiply the numbers into weights and biases."""
        for _, layer in _layers(model):
            layer.merge()
        self.eject(model)


def targets(model: PreTrainedModel) -> tuple[list[str], list[str]]:
    """Return the full names of all scaled modules, and of those whose input is scaled.

    Raises:
        NotApplicable: a model of another family.
    """
    feedforward = list(modules_at(model, FEEDFORWARD_OUTPUT, "feed-forward part"))
    own = list(modules_at(model, (*KEY, *VALUE), "keys and values"))
    return own + feedforward, feedforward


def _layers(model: PreTrainedModel) -> list[tuple[str, Any]]:
    return [(name, module) for name, module in model.named_modules() if hasattr(module, "ia3_l")]
