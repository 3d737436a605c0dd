"""BitFit: the biases alone are trained (Ben Zaken et al. 2021, arXiv 2106.10199)."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from study.studies.methods.training.method import Method, NotApplicable


class BitFit(Method):
    """Every bias of the base model, those of norms and of BERT's pooler included."""

    def prepare(self, model: PreTrainedModel, max_length: int) -> None:
        """Check that there are biases.

        Raises:
            NotApplicable: there are none (Llama).
        """
        del max_length
        if not _biases(model):
            raise NotApplicable(f"a {type(model).__name__} has no biases to train")

    def insert(self, model: PreTrainedModel, generator: torch.Generator) -> tuple[str, ...]:
        """Return the biases' names; nothing is put in."""
        del generator
        return _biases(model)

    def eject(self, model: PreTrainedModel) -> None:
        """Leave the model as it is."""

    def merge(self, model: PreTrainedModel) -> None:
        """Leave the model as it is: trained biases stand where the base's stood."""


def _biases(model: PreTrainedModel) -> tuple[str, ...]:
    prefix = f"{model.base_model_prefix}."
    return tuple(
        name
        for name, _ in model.named_parameters()
        if name.startswith(prefix) and name.endswith(".bias")
    )
