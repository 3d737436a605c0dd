"""Whether the methods' settings fit the model, asked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from study.arms import lora
from study.entry.errors import StudyError
from study.models.packed import load_pretrained
from study.records.prepared import Batching
from study.studies.methods.training.choose import choose, lora_settings
from study.studies.methods.training.method import NotApplicable
from study.training.machine import compute_dtype

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


def check(settings: MethodsStudy, batching: Batching) -> None:
    """Load the model, and try on it an adapter of the variants' rank and every other method.

    Raises:
        StudyError: a rank above a layer's size, a prefix too long for the model, or what else
            would stop a method's training. A method without a place in the model is no error.
    """
    model = load_pretrained(
        settings.model.name,
        num_labels=2,  # of the data, which nobody has read yet; nothing here depends on it
        dtype=compute_dtype(settings.train),
        dropout=settings.model.dropout,
        max_length=settings.data.max_length,
        batching=batching,
    )
    _rank(settings, model)
    for name in settings.methods.others:  # last: what each tries stays in the model
        try:
            choose(name, settings.methods).prepare(model, settings.data.max_length)
        except NotApplicable:
            continue


def _rank(settings: MethodsStudy, model: PreTrainedModel) -> None:
    methods = settings.methods
    config = lora.config_of(
        lora_settings("lora", settings.lora, methods), methods.rank, settings.model.name
    )
    try:
        lora.size(model, config)
    except StudyError as error:
        raise StudyError(f"methods/params.yaml:rank: {methods.rank}: {error}") from error
