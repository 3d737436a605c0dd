"""Models from GGUF files as ordinary ones: their weights unpacked, and nothing left that says GGUF.

A model that transformers loads from such a file counts as quantised even where its weights were
unpacked: it refuses to be saved, and what it is a part of inherits that.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, GgufConfig, PretrainedConfig

from study.sources.resolve import pretrained


def dequantised(options: dict[str, str]) -> dict[str, Any]:
    """Return the options of `study.sources.resolve.pretrained` with which weights are unpacked."""
    unpack = {"quantization_config": GgufConfig(dequantize=True)} if "gguf_file" in options else {}
    return {**options, **unpack}


def read_config(name: str, **values: Any) -> PretrainedConfig:
    """Read a model's configuration, from a folder, a hub or a GGUF file.

    Args:
        name: as in the settings; values: put into it.

    Raises:
        StudyError: there is no such model.
    """
    path, options = pretrained(name)
    return AutoConfig.from_pretrained(path, trust_remote_code=False, **options, **values)
