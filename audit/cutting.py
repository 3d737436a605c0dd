"""An adapter cut down to lower ranks, and written so that plain PEFT computes with it.

Each update s B A is replaced by its best approximation of a lower rank, of the same scaling s, so
that alpha shrinks with the rank (rsLoRA: with its root). A module that keeps no direction is left
out. Everything that is no factor (head, biases, DoRA's magnitudes) goes along as it was.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from audit.allotment import Ranks
from audit.directions import Decompose, Factors, plainly
from audit.saved import CONFIG, WEIGHTS, Module
from lora.spectra import truncate
from study.entry.errors import StudyError


def cut(factors: Factors, ranks: Ranks, decompose: Decompose = plainly) -> dict[str, Tensor]:
    """Return the factors of the cut adapter by their keys, in the dtype that they were saved in.

    A = sqrt(S_r / s) V_r^T and B = U_r sqrt(S_r / s), so that s B A = U_r S_r V_r^T.

    Args:
        decompose: as the ranks were found with.
    """
    tensors: dict[str, Tensor] = {}
    for module, A, B in cut_factors(factors, ranks, decompose):
        for key, half in zip(module.keys, (A, B), strict=True):
            tensors[key] = half.to(module.dtype).contiguous()
    return tensors


def cut_factors(
    factors: Factors, ranks: Ranks, decompose: Decompose
) -> Iterator[tuple[Module, Tensor, Tensor]]:
    """Give the modules that keep a direction, with A (rank, in) and B (out, rank), fp64."""
    for module, A, B in factors:
        if rank := ranks[module.name]:
            less_A, less_B = truncate(decompose(module, A, B), rank)
            root = math.sqrt(module.scaling)
            yield module, less_A / root, less_B / root


def cut_config(
    config: Mapping[str, Any], modules: Iterable[Module], ranks: Ranks, use_rslora: bool
) -> dict[str, Any]:
    """Return adapter_config.json of the cut adapter.

    The most common rank and alpha stand in `r` and `lora_alpha`, others in the patterns, under keys
    that match one module each, so that their order, of which PEFT takes the first that matches and
    which it sorts when it saves, decides nothing.
    """
    kept = [module for module in modules if ranks[module.name]]
    every = [module.name for module in modules]
    alphas = {m.name: _alpha(m.scaling, ranks[m.name], use_rslora) for m in kept}
    pairs = Counter((ranks[m.name], alphas[m.name]) for m in kept)
    rank, alpha = max(pairs, key=lambda pair: (pairs[pair], pair))
    names = [module.name for module in kept]
    changed: dict[str, Any] = {
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {key_of(n, every): ranks[n] for n in names if ranks[n] != rank},
        "alpha_pattern": {key_of(n, every): alphas[n] for n in names if alphas[n] != alpha},
        "init_lora_weights": True,  # what others begin from is no matter any more
        "inference_mode": True,
    }
    if len(names) < len(every):
        changed |= _targets(names, every)
    return {**config, **changed}


def key_of(name: str, every: Sequence[str]) -> str:
    """Return a pattern that matches this module and none of the others, as PEFT matches.

    The name itself, unless it also matches another: "encoder.q" does "decoder.encoder.q".
    """
    plain = re.compile(rf"(.*\.)?({name})$")
    if [other for other in every if plain.match(other)] == [name]:
        return name
    return f"^{re.escape(name)}"


def _targets(names: Sequence[str], every: Sequence[str]) -> dict[str, Any]:
    """Return settings that reach these modules of all that were adapted."""
    others = set(every) - set(names)
    clear = not any(other.endswith(f".{name}") for other in others for name in names)
    # A list reaches names that end like its own; a pattern is matched from end to end.
    whole = sorted(names) if clear else "|".join(re.escape(name) for name in sorted(names))
    nothing = ("layers_to_transform", "layers_pattern", "exclude_modules")
    return {"target_modules": whole, **dict.fromkeys(nothing)}


def _alpha(scaling: float, rank: int, use_rslora: bool) -> float:
    alpha = scaling * (math.sqrt(rank) if use_rslora else rank)
    return round(alpha) if math.isclose(alpha, round(alpha), rel_tol=1e-12) else alpha


def refuse_taken(folder: Path) -> None:
    """Refuse to write into a folder that holds something.

    Raises:
        StudyError: it does, or is a file, or its parent is not there.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise StudyError(f"--out: {folder} is there already; allowed: a new folder")
    if not folder.parent.is_dir():
        raise StudyError(f"--out: {folder.parent} is not there; allowed: a folder that is")


def write(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write an adapter in PEFT's format: all of it, or nothing.

    Raises:
        StudyError: the folder is taken, or cannot be written.
    """
    refuse_taken(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as held:
            made = Path(held) / "made"
            made.mkdir()
            ordered = {key: tensors[key] for key in sorted(tensors)}
            save_file(ordered, made / WEIGHTS, metadata={"format": "pt"})
            text = json.dumps({key: config[key] for key in sorted(config)}, indent=2)
            (made / CONFIG).write_text(text + "\n", encoding="utf-8")
            os.replace(made, folder)
    except OSError as error:
        raise StudyError(f"--out: {folder} cannot be written: {error}") from error
