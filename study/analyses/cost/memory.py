"""How much memory each method's training takes: every arm in a process of its own.

The most that a process has held never falls again, so that each arm needs a new one. They are
forked from one that has loaded the libraries and nothing else, which saves loading them again.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from study.analyses.cost.throughput import Trainer
from study.entry import process
from study.records import prepared
from study.training.machine import device

if TYPE_CHECKING:
    from study.settings.whole import Settings

_KIB = 1024


def peaks(
    settings: Settings, folder: str | Path, arms: Sequence[tuple[str, int | None]]
) -> list[dict[str, Any]]:
    """Train each arm for an epoch of `cost.sentences`, one after the other.

    Args:
        folder: of the prepared data.

    Returns:
        For each arm what `peak_of` says.
    """
    return [
        {"arm": arm, "rank": rank} | peak_of(_train, settings, str(folder), arm, rank)
        for arm, rank in arms
    ]


def peak_of(
    train: Callable[..., None], settings: Settings, *arguments: str | int | None
) -> dict[str, Any]:
    """Call `train(settings, *arguments)` in a process of its own.

    Args:
        train: a function of a module, which loads what it needs.

    Returns:
        `peak_memory_bytes` of the process, `idle_memory_bytes` before it loaded a model, and
        `peak_gpu_memory_bytes` of tensors on a GPU or None; or the `reason` why there is nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_measured, train, settings, *arguments).result()
        except BrokenProcessPool:
            return {"reason": "the process was ended, most likely for want of memory"}


def _measured(train: Callable[..., None], settings: Settings, *arguments: Any) -> dict[str, Any]:
    """Train in this process, which does nothing else."""
    process.prepare()
    idle = _peak()
    train(settings, *arguments)
    gpu = device(settings.train).type == "cuda"
    return {
        "peak_memory_bytes": _peak(),
        "idle_memory_bytes": idle,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if gpu else None,
    }


def _train(settings: Settings, folder: str, arm: str, rank: int | None) -> None:
    Trainer(settings, prepared.load(folder), device(settings.train)).train(arm, rank)


def _peak() -> int:
    """Return the most memory that this process has held, in bytes (Linux counts in KiB)."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * _KIB
