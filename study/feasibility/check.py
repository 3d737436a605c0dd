"""Whether the settings fit the model and this machine, asked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from study.arms import lora
from study.feasibility.batching import Choice, choose_batching
from study.models.packed import load_pretrained
from study.records.prepared import Batching
from study.sources.resolve import resolve
from study.training import executors
from study.training.machine import compute_dtype, training_device

if TYPE_CHECKING:
    from study.settings.whole import Settings


def choice(settings: Settings) -> Choice:
    """Find the sources and the machine, and how the model's batches are to be computed.

    Raises:
        StudyError: a model or file that is not there, a device that is not there or from which
            nothing can be offloaded, an executor that is not installed, a model that is too short
            for `data.max_length`, a target that matches nothing, a layer that is not there, or a
            model that is computed here in no way as transformers computes it.
    """
    for name in (settings.data.name, settings.data.test_name):
        if name is not None:
            resolve(name, "data")
    training_device(settings.train)
    executors.choose(settings)
    name, own = settings.model.name, settings.lora
    resolve(name, "model")
    config, dropout = lora.config_of(own, own.rank, name), settings.model.dropout
    data = settings.data
    return choose_batching(
        name, data.max_length, config, dropout, pairs=isinstance(data.text, tuple)
    )


def check(settings: Settings, batching: Batching) -> PreTrainedModel:
    """Load the model, and try an adapter of every rank on it; return the model.

    Raises:
        StudyError: a rank above a layer's size, or as `study.models.packed.load_pretrained`.
    """
    model = load_pretrained(
        settings.model.name,
        num_labels=2,  # of the data, which nobody has read yet; the ranks do not depend on it
        dtype=compute_dtype(settings.train),
        dropout=settings.model.dropout,
        max_length=settings.data.max_length,
        batching=batching,
    )
    for rank in sorted({*settings.lora.ranks, settings.lora.rank}):
        lora.size(model, lora.config_of(settings.lora, rank, settings.model.name))
    return model
