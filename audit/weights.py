"""The base's weights, one tensor at a time, out of its safetensors files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from audit.saved import Module
from study.entry.errors import StudyError

INDEX = "model.safetensors.index.json"
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class Weights:
    """A model's folder, whose tensors are read when they are asked for.

    Args:
        folder: with *.safetensors, in one file or several with an index.
        transposed: whether square weights are (in, out), as `Conv1D` holds them: the adapter's
            fan_in_fan_out. Others show it by their shape.

    Raises:
        StudyError: there are no such files, or one cannot be read.
    """

    def __init__(self, folder: Path, transposed: bool) -> None:
        self._folder, self._transposed = folder, transposed
        self._files: dict[str, Path] = {}
        for file in _files(folder):
            try:
                with safe_open(file, framework="pt") as tensors:
                    self._files |= dict.fromkeys(tensors.keys(), file)
            except (SafetensorError, OSError) as error:
                raise _unreadable(file, error) from error

    def weight(self, module: Module) -> Tensor:
        """Return W0 (out, in) of a module, fp64.

        Raises:
            StudyError: the base has none, or of another shape; or numbers are not finite.
        """
        key = self._key(module.name)
        file = self._files[key]
        try:
            with safe_open(file, framework="pt") as tensors:
                found: Tensor = tensors.get_tensor(key)
        except SafetensorError as error:
            raise _unreadable(file, error) from error
        shape, wanted = tuple(found.shape), (module.out_features, module.in_features)
        if found.dtype not in _FLOATS or shape not in (wanted, wanted[::-1]):
            raise StudyError(
                f"--base: {key} of {self._folder} is {shape} in {found.dtype}; the adapter's "
                f"{module.name} takes {module.in_features} features to {module.out_features}: "
                "another base, or a quantised one"
            )
        if not bool(torch.isfinite(found).all()):
            raise StudyError(f"--base: {key} of {self._folder} has numbers that are not finite")
        turned = shape != wanted
        if wanted[0] == wanted[1]:
            turned = module.embedding or self._transposed
        return (found.T if turned else found).double()

    def _key(self, module: str) -> str:
        """Find a module's weight, though the base was saved without its head, or with a prefix.

        `bert.encoder.layer.0` of a classifier is `encoder.layer.0` of the encoder alone.
        """
        wanted = f"{module}.weight"
        parts = wanted.split(".")
        for start in range(len(parts) - 1):
            if (key := ".".join(parts[start:])) in self._files:
                return key
        longer = [key for key in self._files if key.endswith(f".{wanted}")]
        if len(longer) != 1:
            raise StudyError(
                f"--base: {self._folder} has no weight of the adapter's {module}: another base"
            )
        return longer[0]


def _files(folder: Path) -> list[Path]:
    if (folder / INDEX).is_file():
        try:
            index: Any = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            names = sorted(set(index["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"--base: {folder / INDEX} is no index of files: {error}") from error
        return [folder / name for name in names]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise StudyError(f"--base: {folder} has no *.safetensors; allowed: a model's folder")
    return files


def _unreadable(file: Path, error: Exception) -> StudyError:
    return StudyError(f"--base: {file} is no whole safetensors file: {error}")
