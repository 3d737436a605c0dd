"""A saved adapter in PEFT's format, read tensor by tensor.

    adapter_config.json         the settings
    adapter_model.safetensors   PREFIX{module}.lora_A.weight (r, in)       nn.Linear, Conv1D
                                PREFIX{module}.lora_B.weight (out, r)
                                PREFIX{module}.lora_embedding_A (r, tokens)   nn.Embedding
                                PREFIX{module}.lora_embedding_B (out, r)
                                whatever else was trained (DoRA's magnitudes, a head, biases)

`lora.peft_format` reads what the study trains, whole and in fp32. This reads what others trained,
of which one module's factors are in memory at a time. Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from audit.settings import check_settings, lora_config
from lora.config import LoRAConfig
from study.entry.errors import StudyError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLED = "adapter_model.bin"
PREFIX = "base_model.model."
MAGNITUDE = "lora_magnitude_vector"
_ENDINGS = {  # of a factor's key: (which of the two, whether of an embedding)
    ".lora_A.weight": ("A", False),
    ".lora_B.weight": ("B", False),
    ".lora_embedding_A": ("A", True),
    ".lora_embedding_B": ("B", True),
}


@dataclass(frozen=True)
class Module:
    """An adapted module, without its numbers.

    Attributes:
        name: full name in the model.
        embedding: whether it is a table of embeddings, whose weight is (in, out).
        rank: of its factors A (rank, in_features) and B (out_features, rank).
        scaling: s of the update s B A.
        dtype: in which its factors are saved.
        magnitude: key of DoRA's magnitudes (out,); None without DoRA.
    """

    name: str
    embedding: bool
    rank: int
    in_features: int
    out_features: int
    scaling: float
    dtype: torch.dtype
    magnitude: str | None = None

    @property
    def cost(self) -> int:
        """Parameters of one direction."""
        return self.in_features + self.out_features

    @property
    def keys(self) -> tuple[str, str]:
        """Keys of A and B in the file."""
        ends = [end for end, (_, embedding) in _ENDINGS.items() if embedding == self.embedding]
        return f"{PREFIX}{self.name}{ends[0]}", f"{PREFIX}{self.name}{ends[1]}"


@dataclass(frozen=True)
class Saved:
    """An adapter in a folder.

    Attributes:
        config: adapter_config.json as it is.
        settings: what it says of ranks and scalings.
        modules: adapted ones by name, in the model's order where names tell it.
        others: keys of the tensors that are no factors.
    """

    folder: Path
    config: Mapping[str, Any]
    settings: LoRAConfig
    modules: Mapping[str, Module]
    others: tuple[str, ...]

    def factors(self) -> Iterator[tuple[Module, Tensor, Tensor]]:
        """Give every module with A (rank, in) and B (out, rank), fp64.

        Raises:
            StudyError: a number in them is not finite.
        """
        with _opened(self.folder / WEIGHTS) as tensors:
            for module in self.modules.values():
                A, B = (self._finite(tensors, key).double() for key in module.keys)
                yield module, A, B

    def other_tensors(self) -> dict[str, Tensor]:
        """Return what is no factor, as saved.

        Raises:
            StudyError: a number in it is not finite.
        """
        with _opened(self.folder / WEIGHTS) as tensors:
            return {key: self._finite(tensors, key) for key in self.others}

    def _finite(self, tensors: Any, key: str) -> Tensor:
        try:
            tensor: Tensor = tensors.get_tensor(key)
        except SafetensorError as error:
            raise _unreadable(self.folder / WEIGHTS, error) from error
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise StudyError(f"{self.folder / WEIGHTS}: {key} has numbers that are not finite")
        return tensor


def read(folder: Path) -> Saved:
    """Read an adapter's settings and the shapes of its tensors.

    Raises:
        StudyError: it is no LoRA adapter, a file of it cannot be read, or tensors do not fit the
            settings; the file and what is wrong are named.
    """
    file = folder / WEIGHTS
    config = _config(folder)
    check_settings(config, folder / CONFIG)
    if not file.is_file():
        pickled = (folder / PICKLED).is_file()
        raise StudyError(
            f"{file} is not there: "
            + (
                f"{PICKLED} is pickled and can run code, so that it is never loaded; load the "
                "adapter in PEFT where you trust it, and save it with save_pretrained"
                if pickled
                else f"{folder} holds no adapter's weights"
            )
        )
    settings = lora_config(config, folder / CONFIG)
    shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    with _opened(file) as tensors:
        for key in tensors.offset_keys():
            part = tensors.get_slice(key)
            shapes[key] = (tuple(part.get_shape()), _DTYPES.get(part.get_dtype(), torch.uint8))
    modules = _modules(shapes, settings, file)
    factors = {key for module in modules.values() for key in module.keys}
    others = tuple(sorted(key for key in shapes if key not in factors))
    if alien := [key for key in others if not key.startswith(PREFIX)]:
        raise StudyError(f"{file}: {alien[0]} does not begin with {PREFIX}: PEFT would not read it")
    return Saved(folder, config, settings, modules, others)


_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def _config(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(f"{file} is not there: {folder} is no adapter in PEFT's format") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"{file} is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise StudyError(f"{file}: an object is needed, not {type(config).__name__}")
    return config


def _modules(
    shapes: Mapping[str, tuple[tuple[int, ...], torch.dtype]], settings: LoRAConfig, file: Path
) -> dict[str, Module]:
    halves: dict[tuple[str, bool], dict[str, str]] = {}
    for key in shapes:
        for ending, (half, embedding) in _ENDINGS.items():
            if key.startswith(PREFIX) and key.endswith(ending):
                name = key.removeprefix(PREFIX).removesuffix(ending)
                halves.setdefault((name, embedding), {})[half] = key
    if not halves:
        raise StudyError(f"{file}: it has no lora_A and lora_B")
    found = {}
    for name, embedding in sorted(halves, key=_in_order):
        keys = halves[name, embedding]
        if len(keys) != 2:
            raise StudyError(f"{file}: {name} has only one of lora_A and lora_B")
        (a, dtype), (b, other) = shapes[keys["A"]], shapes[keys["B"]]
        rank = settings.rank_of(name)
        if len(a) != 2 or len(b) != 2 or not a[0] == b[1] == rank or 0 in (*a, *b):
            raise StudyError(
                f"{file}: {name}: lora_A {a} and lora_B {b} are not (rank, in) and (out, rank) of "
                f"the rank {rank} that {CONFIG} gives it"
            )
        if torch.uint8 in (dtype, other):
            raise StudyError(f"{file}: {name}: allowed are factors in fp64, fp32, fp16 and bf16")
        module = Module(name, embedding, rank, a[1], b[0], settings.scaling_of(name), dtype)
        if settings.use_dora:
            module = replace(module, magnitude=_magnitude(module, shapes, file))
        found[name] = module
    return found


def _magnitude(
    module: Module, shapes: Mapping[str, tuple[tuple[int, ...], torch.dtype]], file: Path
) -> str:
    for end in (MAGNITUDE, f"{MAGNITUDE}.weight"):
        key = f"{PREFIX}{module.name}.{end}"
        if key in shapes:
            # Of an embedding one a column of its table, kept as a row.
            if shapes[key][0] in ((module.out_features,), (1, module.out_features)):
                return key
            raise StudyError(f"{file}: {key} {shapes[key][0]} is not ({module.out_features},)")
    raise StudyError(f"{file}: use_dora, and {module.name} has no {MAGNITUDE}")


def _in_order(key: tuple[str, bool]) -> tuple[tuple[int, int | str], ...]:
    """Order names with their numbers as numbers: layer 2 before layer 10."""
    parts = key[0].split(".")
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def _opened(file: Path) -> Any:
    try:
        return safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> StudyError:
    return StudyError(f"{file} is no whole safetensors file: {error}")
