"""The lines of Python that classify a text; a test runs them as they stand in the cards.

They are to be run in the study's folder, offline if the base is a package's or a local folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from study.models.objective import PROBLEM_TYPE
from study.pages.selected.base import Base
from study.pages.selected.padding import Padding
from study.sources.resolve import PACKAGE_PREFIX, pretrained, resolve

_CALL = 'classify("A text to classify.", truncation=True)  # [{"label": ..., "score": ...}]'
_PAIR = 'pair = {"text": "One text.", "text_pair": "The other."}'  # as data.text names the columns
_CALL_PAIR = 'classify(pair, truncation=True)  # {"label": ..., "score": ...}'


def adapter_lines(
    name: str, base: Base, padding: Padding, folder: str, max_length: int, *, pairs: bool = False
) -> tuple[str, ...]:
    """Return lines that load a base, put an adapter into it, as `model`, and classify with it.

    The last ones load the tokenizer and go from a text to its class; a GGUF file's needs more.

    Args:
        name: of the base, as in the settings; folder: of the adapter.
        padding: of a batch.
        max_length: tokens at which a text is cut, as in training.
        pairs: whether it reads two texts together.
    """
    named = base.model.config.id2label.items()
    labels = ", ".join(f"{i}: {json.dumps(label, ensure_ascii=False)}" for i, label in named)
    options = f'id2label={{{labels}}}, problem_type="{PROBLEM_TYPE}"'
    options += _arguments(padding.to_config)
    told: tuple[tuple[str, str | int], ...] = (
        ("model_max_length", max_length),
        *padding.to_tokenizer,
    )
    of_tokenizer = _arguments(told)
    afterwards: tuple[str, ...] = ()
    imported = "AutoModelForSequenceClassification, AutoTokenizer, pipeline"
    file = pretrained(name)[1].get("gguf_file")
    if base.other_head:
        options += ", ignore_mismatched_sizes=True"
    if base.dtype != "float32" or file is not None:
        options += ', dtype="float32"'
    if file is not None:
        options += f', gguf_file="{file}", quantization_config=GgufConfig(dequantize=True)'
        of_tokenizer = f', gguf_file="{file}"'  # beside which transformers forgets pad_token
        afterwards = tuple(f"tokenizer.{key} = {json.dumps(value)}" for key, value in told)
        imported = imported.replace("pipeline", "GgufConfig, pipeline")
    folder_of_base = _place(name) if file is None else _place(name).rpartition(file)[0] or "."
    place: tuple[str, ...] = (f'base = "{folder_of_base}"',)
    if name.startswith(PACKAGE_PREFIX):  # whose folder is not known beforehand
        package, _, inside = folder_of_base.removeprefix(PACKAGE_PREFIX).partition("/")
        path = f'find_spec("{package}").submodule_search_locations[0]'
        place = (
            "from importlib.util import find_spec",
            f'base = {path} + "/{inside}"' if inside else f"base = {path}",
        )
    return (
        "from peft import PeftModel",
        f"from transformers import {imported}",
        *place,
        f"model = AutoModelForSequenceClassification.from_pretrained(base, {options})",
        f'model = PeftModel.from_pretrained(model, "{folder}")',
        f"tokenizer = AutoTokenizer.from_pretrained(base{of_tokenizer})",
        *afterwards,
        'classify = pipeline("text-classification", model=model, tokenizer=tokenizer)',
        *_call(pairs),
    )


def merged_lines(folder: str, *, pairs: bool = False) -> tuple[str, ...]:
    """Return the lines that load a merged model and classify a text with it, as `classify`."""
    return (
        "from transformers import pipeline",
        f'classify = pipeline("text-classification", model="{folder}")',
        *_call(pairs),
    )


def _call(pairs: bool) -> tuple[str, ...]:
    return (_PAIR, _CALL_PAIR) if pairs else (_CALL,)


def _arguments(changes: Iterable[tuple[str, str | int]]) -> str:
    """Return changes as arguments, each after a comma."""
    return "".join(f", {key}={json.dumps(value, ensure_ascii=False)}" for key, value in changes)


def _place(name: str) -> str:
    """Return a hub id or a path as it is given; of a path in a home folder, all of it."""
    source = resolve(name, "model")
    return str(source.path) if name.startswith("~") else source.name
