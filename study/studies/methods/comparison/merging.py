"""Whether what a method trained can be put into the base's own weights: tried, and measured."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import attach
from lora.inject import eject
from lora.merge import merge
from study.analyses.cost.merging import TOLERANCE, check_merging
from study.batches.collating import Inputs
from study.entry.errors import StudyError
from study.studies.methods.settings import OTHER_METHODS, MethodsSettings
from study.studies.methods.training.choose import choose
from study.studies.methods.training.quantised import quantise
from study.studies.methods.training.trained import read_state, with_state


def merging(
    name: str, settings: MethodsSettings, model: PreTrainedModel, inputs: Inputs, folder: Path
) -> dict[str, Any]:
    """Merge what one seed trained into a plain fp32 model, and compare the logits of a batch.

    Args:
        model: plain transformers, fp32; not changed.
        folder: of what the seed trained.

    Returns:
        `mergeable`; where it is, `merge_difference`, the largest difference between merged and
        unmerged logits relative to the largest of them (or to 1); else the `merge_reason`.

    Raises:
        StudyError: a file is missing or is no adapter of this model, or merged and unmerged logits
            differ by more than `TOLERANCE`.
    """
    model = copy.deepcopy(model)
    if name in OTHER_METHODS:
        return _of_method(name, settings, model, inputs, folder)
    if not (folder / "adapter_config.json").is_file():
        raise StudyError(f"{folder}: no adapter is there; run `dvc repro methods/dvc.yaml`")
    try:
        adapter = peft_format.load(folder)
        if name != "qlora":
            found = check_merging(model, adapter, inputs, str(folder))
            return {"mergeable": True, "merge_difference": found.difference}
        quantise(model)
        attach(model, adapter)
    except (OSError, ValueError) as error:
        raise StudyError(f"{folder}: {error}; run `dvc repro methods/dvc.yaml`") from error
    try:
        merge(model)
    except ValueError as error:
        return {"mergeable": False, "merge_reason": _reason(str(error))}
    finally:
        eject(model)
    raise StudyError(f"{folder}: an adapter was merged into a base in four bit")


@torch.no_grad()
def _of_method(
    name: str, settings: MethodsSettings, model: PreTrainedModel, inputs: Inputs, folder: Path
) -> dict[str, Any]:
    method = choose(name, settings)
    if method.reason_unmergeable is not None:
        return {"mergeable": False, "merge_reason": method.reason_unmergeable}
    method.prepare(model, inputs["input_ids"].shape[1])
    with_state(model, method, read_state(folder))
    unmerged = _logits(model, inputs)
    method.merge(model)
    difference = float((_logits(model, inputs) - unmerged).abs().max())
    difference /= max(1.0, float(unmerged.abs().max()))
    if not difference <= TOLERANCE:  # nan too
        raise StudyError(
            f"{folder}: merged and unmerged logits differ by {difference:.3g} of the largest; "
            f"allowed: {TOLERANCE:g}"
        )
    return {"mergeable": True, "merge_difference": difference}


def _logits(model: PreTrainedModel, inputs: Inputs) -> Tensor:
    logits: Tensor = model(**inputs).logits.double()
    return logits


def _reason(error: str) -> str:
    """Leave out which module it was: the reason is the same for all."""
    return error.partition(": ")[2]
