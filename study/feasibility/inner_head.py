"""Classifiers whose head is a part of their encoder, as Perceiver's decoder: they are refused.

What is not the encoder is the head here: it is drawn for each run, trained in every arm, and saved
beside an adapter. Of such a model nothing would be, and a head of other classes would stay random.
"""

from __future__ import annotations

import torch
from transformers import AutoModelForSequenceClassification

from study.entry.errors import StudyError
from study.models.dequantised import read_config
from study.models.pretrained import quiet
from study.sources.resolve import display_name


def refuse_inner_head(name: str) -> None:
    """Build a model's classifier without weights and see whether it has any beside its encoder.

    A model that cannot be built is left to those who load it: they say what is wrong.

    Args:
        name: as in `model.name`.

    Raises:
        StudyError: it has none.
    """
    try:
        with quiet(), torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(read_config(name))
    except (OSError, ValueError, ImportError, RuntimeError):
        return
    encoder = f"{model.base_model_prefix}."
    if all(parameter.startswith(encoder) for parameter, _ in model.named_parameters()):
        raise StudyError(
            f"model.name: {display_name(name)!r} has its head inside its encoder, where no run can "
            "have a head of its own"
        )
