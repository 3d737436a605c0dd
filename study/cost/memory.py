"""How much memory each method's training takes: every arm in a process of its own.

The most that a process has held never falls again, so that each arm needs a new one. They are
forked from one that has loaded the libraries and nothing else, which saves loading them again.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from study import prepared, process
from study.cost.throughput import Trainer
from study.environment import device
from study.settings import Settings

_KIB = 1024


def peaks(
    settings: Settings, folder: str | Path, arms: Sequence[tuple[str, int | None]]
) -> list[dict[str, Any]]:
    """Train each arm for an epoch of `cost.sentences`, one after the other.

    Args:
        folder: of the prepared data.

    Returns:
        For each arm `peak_memory_bytes` of its process, `idle_memory_bytes` before it loaded a
        model, and `peak_gpu_memory_bytes` of tensors on a GPU or None; or the `reason` why there
        is nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    rows = []
    for arm, rank in arms:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                found = pool.submit(_train, settings, str(folder), arm, rank).result()
            except BrokenProcessPool:
                found = {"reason": "the process was ended, most likely for want of memory"}
        rows.append({"arm": arm, "rank": rank} | found)
    return rows


def _train(settings: Settings, folder: str, arm: str, rank: int | None) -> dict[str, Any]:
    """Train in this process, which does nothing else."""
    process.prepare()
    idle = _peak()
    used = device(settings.train)
    Trainer(settings, prepared.load(folder), used).train(arm, rank)
    return {
        "peak_memory_bytes": _peak(),
        "idle_memory_bytes": idle,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if used.type == "cuda" else None,
    }


def _peak() -> int:
    """Return the most memory that this process has held, in bytes (Linux counts in KiB)."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * _KIB
