"""Whether the settings fit the model and this machine, asked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from study.arms import lora
from study.models.packed import load_pretrained
from study.sources.resolve import resolve
from study.training import executors
from study.training.machine import compute_dtype, training_device

if TYPE_CHECKING:
    from study.settings.whole import Settings


def check(settings: Settings) -> PreTrainedModel:
    """Find the sources, load the model, and try an adapter of every rank on it; return the model.

    Raises:
        StudyError: a model or file that is not there, a model that is of no known form or too
            short for `data.max_length`, a target that matches nothing, a layer that is not there,
            a rank above a layer's size, a device that is not there or from which nothing can be
            offloaded, an executor that is not installed.
    """
    for name in (settings.data.name, settings.data.test_name):
        if name is not None:
            resolve(name, "data")
    training_device(settings.train)
    executors.choose(settings)
    model = load_pretrained(
        settings.model.name,
        num_labels=2,  # of the data, which nobody has read yet; the ranks do not depend on it
        dtype=compute_dtype(settings.train),
        dropout=settings.model.dropout,
        max_length=settings.data.max_length,
    )
    for rank in sorted({*settings.lora.ranks, settings.lora.rank}):
        lora.size(model, lora.config_of(settings.lora, rank, settings.model.name))
    return model
