"""Loads a pretrained transformer of any task, as the settings name it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel
from transformers.utils import logging

from study.entry.errors import StudyError
from study.models import attention
from study.models.dequantised import dequantised
from study.models.dropout import dropout_keys
from study.records.prepared import PACKED, Batching
from study.sources import pickles
from study.sources.configs import positions, token_id
from study.sources.gguf import parsed_once
from study.sources.resolve import display_name, pretrained

_BATCHING = "_batching"  # where a model keeps how it computes


def load(
    auto: Any,
    kind: str,
    name: str,
    dtype: torch.dtype,
    dropout: float,
    batching: Batching | None,
    pad_token_id: int | None = None,
    device: torch.device | None = None,
    **config_values: Any,
) -> PreTrainedModel:
    """Load a model; weights that a checkpoint lacks are the same every time.

    A GGUF file's weights are dequantised.

    Args:
        auto: the class of transformers that loads it, such as AutoModelForCausalLM.
        kind: what that makes, for errors.
        name: as in the settings; see `study.sources.resolve`.
        dtype: of every weight.
        dropout: of hidden states and attention while training, whatever the family calls it.
        batching: shared or packed: with this study's attention; otherwise with the family's own,
            eager on a CPU, where the fused one's backward pass is several times slower in bf16.
            None: as transformers alone has it, but for a padding token.
        pad_token_id: of the padded rows of a model that is not packed; None: its config's.
        device: that it will compute on; None: a GPU if there is one.
        config_values: put into the model's configuration.

    Raises:
        StudyError: there is no such model, its weights cannot be read, or its attention cannot be
            told from outside.
    """
    attention.register()
    path, options = pretrained(name)
    with torch.random.fork_rng(devices=[]), quiet(), parsed_once(options):
        torch.manual_seed(0)  # what the checkpoint lacks is drawn the same every time
        try:
            config = AutoConfig.from_pretrained(
                path, trust_remote_code=False, **options, **config_values
            )
            if batching is not None:
                for part in {id(x): x for x in (config, config.get_text_config())}.values():
                    for key in dropout_keys(part):
                        setattr(part, key, dropout)
            model, report = auto.from_pretrained(
                path,
                config=config,
                dtype=dtype,
                attn_implementation=_attention(batching, device),
                trust_remote_code=False,
                use_safetensors=True,  # never a pickle
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # a head of other classes is drawn anew anyway
                **dequantised(options),
            )
        except (OSError, ValueError, SafetensorError, ImportError) as error:
            if "use_safetensors=True" in str(error):  # a hub's: a folder was looked at before
                raise unreadable(name, kind, pickles.ON_HUB.format(name)) from error
            raise unreadable(name, kind, error) from error
    base = f"{model.base_model_prefix}."
    wrong = sorted(key for key, *_ in report["mismatched_keys"] if key.startswith(base))
    if wrong:
        text = f"the sizes of {', '.join(wrong)} are not those of its config"
        raise unreadable(name, kind, text)
    absent = sorted(key for key in report["missing_keys"] if key.startswith(base))
    if absent:
        print(
            f"model.name: {display_name(name)!r} lacks weights, which are drawn at random and stay "
            f"so unless they are trained: {', '.join(absent)}",
            file=sys.stderr,
        )
    if batching in PACKED and not model._supports_attention_backend:
        raise unknown_form(model, "attention")
    if batching not in PACKED:
        _set_padding(model, pad_token_id)
    setattr(model, _BATCHING, batching or "padded")
    return model


def batching_of(model: PreTrainedModel) -> Batching:
    """Return how a model computes batches."""
    found: Batching = getattr(model, _BATCHING, "packed")
    return found


def is_packed(model: PreTrainedModel) -> bool:
    """Tell whether a model reads sentences that lie end to end."""
    return batching_of(model) in PACKED


def _attention(batching: Batching | None, device: torch.device | None) -> str | None:
    """Return what computes attention, as transformers knows it; None: what the family prefers."""
    if batching in PACKED:
        return attention.NAME
    gpu = torch.cuda.is_available() if device is None else device.type != "cpu"
    return None if batching is None or gpu else "eager"


def _set_padding(model: PreTrainedModel, pad_token_id: int | None) -> None:
    """Let a model know the padding token where it has none, or finds a sentence's end by it.

    Others get along with their own: RoBERTa counts positions from the id in its config on.
    """
    own = token_id(model.config, "pad")
    if own is None or (hasattr(model, "score") and pad_token_id is not None):
        ids = (pad_token_id, token_id(model.config, "eos"), 0)
        own = next(i for i in ids if i is not None)
    model.config.pad_token_id = model.config.get_text_config().pad_token_id = own


def unreadable(name: str, kind: str, error: Exception | str) -> StudyError:
    """Say that a model cannot be loaded as a `kind`, and why, in one line."""
    first_line = str(error).strip().splitlines()[0]
    return StudyError(
        f"model.name: {display_name(name)!r} cannot be loaded as {kind}: {first_line}"
    )


def unknown_form(model: PreTrainedModel, part: str) -> StudyError:
    """Say that a part of the model is built in a way that is not known here."""
    return StudyError(
        f"model.name: the {part} of a {type(model).__name__} is of no form this study can read; "
        "allowed are BERT, RoBERTa, DistilBERT, GPT-2, Llama and models built like them"
    )


def check_positions(model: PreTrainedModel, name: str, max_length: int) -> None:
    """Refuse sentences that are longer than the model has positions.

    Raises:
        StudyError: it has fewer than `max_length`.
    """
    there = (positions(model.config) or math.inf) - first_position(model)
    if max_length > there:
        raise StudyError(
            f"data.max_length: {max_length} is more than the {there} positions of "
            f"model.name {display_name(name)!r}"
        )


def first_position(model: PreTrainedModel) -> int:
    """RoBERTa counts positions from the padding id on, the others from zero."""
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from reporting that a head is new, and from drawing bars."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
