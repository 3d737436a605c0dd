"""What the pipelines beside the main one would refuse of these settings.

It is asked before anything is trained, and said as a warning: who runs the main study alone, with a
model to which the sections `methods`, `drift` and `stacking` were not adapted, is not stopped by
them.
"""

from __future__ import annotations

from collections.abc import Callable

from transformers import PreTrainedModel

from lora.adapter import extract
from lora.inject import eject
from study import lora_arm
from study.errors import StudyError
from study.methods.choose import choose, lora_settings
from study.methods.method import NotApplicable
from study.settings import Settings
from study.sources import resolve
from study.stacking.together import check as check_stacking


def warnings(settings: Settings, model: PreTrainedModel) -> list[str]:
    """Return a sentence for each thing that would stop a pipeline, none if nothing would.

    Args:
        model: the settings' own, on which the main study's adapters fit; of no use afterwards.
    """
    tried: tuple[tuple[str, Callable[[Settings, PreTrainedModel], None]], ...] = (
        ("drift", _drift),
        ("stacking", _stacking_source),
        ("stacking", _stacking_selections),
        ("methods", _methods_rank),
        ("methods", _other_methods),  # last: what it tries stays in the model
    )
    found = []
    for pipeline, trial in tried:
        try:
            trial(settings, model)
        except StudyError as error:
            found.append(f"these settings would stop `dvc repro {pipeline}/dvc.yaml`: {error}")
    return found


def _drift(settings: Settings, model: PreTrainedModel) -> None:
    resolve(settings.drift.source.name, "data", "drift.source.name")


def _stacking_source(settings: Settings, model: PreTrainedModel) -> None:
    resolve(settings.stacking.source.name, "data", "stacking.source.name")


def _stacking_selections(settings: Settings, model: PreTrainedModel) -> None:
    """Try the selections on an adapter of the headline's rank."""
    config = lora_arm.config_of(settings.lora, settings.lora.rank, settings.model.name)
    lora_arm.adapt(model, [config], [0])
    adapter = extract(model)
    eject(model)
    check_stacking(settings.stacking, adapter)


def _methods_rank(settings: Settings, model: PreTrainedModel) -> None:
    """Try an adapter of the variants' rank."""
    methods = settings.methods
    plain = lora_settings("lora", settings.lora, methods)
    config = lora_arm.config_of(plain, methods.rank, settings.model.name)
    try:
        lora_arm.size(model, config)
    except StudyError as error:
        raise StudyError(f"methods.rank: {methods.rank}: {error}") from error


def _other_methods(settings: Settings, model: PreTrainedModel) -> None:
    """Prepare the model for every method that is no LoRA; one without a place in it is left out."""
    for name in settings.methods.others:
        try:
            choose(name, settings.methods).prepare(model, settings.data.max_length)
        except NotApplicable:
            continue
