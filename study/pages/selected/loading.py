"""The lines of Python that load what was handed out; a test runs them as they stand in the cards.

They are to be run in the study's folder, offline if the base is a package's or a local folder.
"""

from __future__ import annotations

from study.pages.selected.base import Base
from study.sources.resolve import PACKAGE_PREFIX, resolve


def adapter_lines(name: str, base: Base, folder: str) -> tuple[str, ...]:
    """Return five lines that load a base and put an adapter into it, as `model`.

    Where the base is a package's, finding its folder takes the line that elsewhere loads the
    tokenizer; `base` then names a folder that holds the tokenizer too.

    Args:
        name: of the base, as in the settings; folder: of the adapter.
    """
    options = f"num_labels={base.model.config.num_labels}"
    if base.other_head:
        options += ", ignore_mismatched_sizes=True"
    if base.dtype != "float32":
        options += ', dtype="float32"'
    if name.startswith(PACKAGE_PREFIX):
        package, _, inside = name.removeprefix(PACKAGE_PREFIX).partition("/")
        path = f'find_spec("{package}").submodule_search_locations[0]'
        return (
            "from importlib.util import find_spec",
            "from peft import PeftModel",
            "from transformers import AutoModelForSequenceClassification as Classifier",
            f'base = {path} + "/{inside}"' if inside else f"base = {path}",
            _load("Classifier", options, folder),
        )
    return (
        "from peft import PeftModel",
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer",
        f'base = "{_place(name)}"',
        _load("AutoModelForSequenceClassification", options, folder),
        "tokenizer = AutoTokenizer.from_pretrained(base)",
    )


def merged_lines(folder: str) -> tuple[str, ...]:
    """Return the lines that load a merged model and classify a text with it, as `classify`."""
    return (
        "from transformers import pipeline",
        f'classify = pipeline("text-classification", model="{folder}")',
        'classify("A text to classify.", truncation=True)',
    )


def _load(classifier: str, options: str, folder: str) -> str:
    return (
        f"model = PeftModel.from_pretrained("
        f'{classifier}.from_pretrained(base, {options}), "{folder}")'
    )


def _place(name: str) -> str:
    """Return a hub id or a path as it is given; of a path in a home folder, all of it."""
    source = resolve(name, "model")
    return str(source.path) if name.startswith("~") else source.name
