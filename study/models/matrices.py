"""The weight matrices of an encoder, one by one: pretrained, fully tuned, and their difference.

A matrix is the weight of a linear layer of the base model (embeddings are tables, not linear
layers; the head stands outside the base). BERT's pooler stands inside it and counts. Everything
here is (out, in), as `nn.Linear` holds it; GPT-2's `Conv1D` holds the transpose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from study.entry.errors import StudyError

FULL = Path("data/full")


def linear_modules(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Return the linear layers of the base model by their full name, in the model's order.

    Args:
        model: a classifier without an adapter; a layer that is used twice is given once.
    """
    base = {id(module) for module in model.base_model.modules()}
    return {
        name: module
        for name, module in model.named_modules()
        if id(module) in base and isinstance(module, nn.Linear | Conv1D)
    }


def weight_of(module: nn.Module) -> Tensor:
    """Return a linear layer's weight (out, in): a view of it, so that writing to it changes it."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach().T if isinstance(module, Conv1D) else weight.detach()


def updates(
    tuned: PreTrainedModel, pretrained: PreTrainedModel, folder: Path = FULL, stage: str = "full"
) -> dict[str, Tensor]:
    """Return tuned minus pretrained (out, in), fp32, of every linear layer by its name.

    Args:
        folder, stage: where the tuned one was read from, and which stage makes it, for the error.

    Raises:
        StudyError: the two are not of one form.
    """
    before, after = linear_modules(pretrained), linear_modules(tuned)
    shapes = [{name: tuple(weight_of(m).shape) for name, m in x.items()} for x in (before, after)]
    if shapes[0] != shapes[1]:
        differing = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
        raise StudyError(
            f"{folder}: the tuned model and the pretrained one differ in form, at "
            f"{', '.join(differing[:4])}; run `dvc repro {stage}`"
        )
    return {
        name: weight_of(after[name]).float() - weight_of(module).float()
        for name, module in before.items()
    }


def read_tuned(seed: int, folder: Path = FULL, stage: str = "full") -> PreTrainedModel:
    """Load the fully fine-tuned classifier of one seed: Hugging Face's own modules, fp32, frozen.

    Args:
        stage: that makes the folder.

    Raises:
        StudyError: it is not there, or is no such folder; the command that makes it is named.
    """
    path, again = folder / f"s{seed}", f"run `dvc repro {stage}`"
    if not (path / "config.json").is_file():
        raise StudyError(f"{path}: no fully tuned model is there; {again}")
    loader: Any = AutoModelForSequenceClassification
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model, report = loader.from_pretrained(
            path,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StudyError(f"{path}: cannot be loaded ({reason}); {again}") from error
    finally:
        if bars:
            logging.enable_progress_bar()
    wrong = sorted({*report["missing_keys"], *report["unexpected_keys"]})
    if wrong:
        raise StudyError(f"{path}: weights missing or not known: {', '.join(wrong[:4])}; {again}")
    tuned: PreTrainedModel = model.requires_grad_(False).eval()
    return tuned
