"""A GGUF file's head parsed once, where transformers would parse it for each thing that it wants.

Loading a model asks for its configuration and its tensors, a check for a tokenizer and a second
model besides, and each reads the whole head anew: 49,152 tokens and as many merges of SmolLM2, one
Python object each. Six times over that was 40 of 62 processor seconds of a check.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

_holding = False


@contextmanager
def parsed_once(options: Mapping[str, str]) -> Iterator[None]:
    """Within the `with`, and what is inside it, keep what was parsed of a GGUF file.

    Models that are loaded in one `with` share weights: none of them may be changed or trained.

    Args:
        options: of `study.sources.resolve.pretrained`; without a file nothing is done.
    """
    global _holding
    there = importlib.util.find_spec("gguf") is not None  # else transformers says what is missing
    if "gguf_file" not in options or _holding or not there:
        yield
        return
    import gguf
    from transformers import modeling_gguf_pytorch_utils as legacy

    with ExitStack() as stack:
        for module, name, kept in (
            (gguf, "GGUFReader", functools.cache),
            (gguf, "get_tensor_name_map", functools.cache),  # made for every module of a model
            (legacy, "load_gguf_checkpoint", _results_kept),
        ):
            own = getattr(module, name)
            stack.callback(setattr, module, name, own)
            setattr(module, name, kept(own))
        _holding = True
        try:
            yield
        finally:
            _holding = False


def _results_kept(load: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a file says, and its tensors as they are called in a class of models.

    The sections are given out as copies, since who asks may change them; tensors are the same ones,
    which nobody does who only asks how a model computes.
    """
    kept: dict[Any, dict[str, Any]] = {}

    def loaded(
        path: str,
        return_tensors: bool = False,
        model_to_load: Any = None,
        torch_dtype: Any = None,
    ) -> dict[str, Any]:
        key = (path, return_tensors, type(model_to_load), torch_dtype)
        if key not in kept:
            kept[key] = load(path, return_tensors, model_to_load, torch_dtype)
        return {section: copy.copy(content) for section, content in kept[key].items()}

    return loaded
