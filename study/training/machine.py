"""Where a stage ran and what it cost: kept beside the results, in a file nothing depends on."""

from __future__ import annotations

import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from study.entry.errors import StudyError
from study.records.json_file import write_json
from study.settings.train import TrainSettings

PACKAGES = ("torch", "transformers", "safetensors", "numpy")
_KIB = 1024


def device(settings: TrainSettings) -> torch.device:
    """Return the device that `train.device` names; auto takes the GPU if there is one.

    Raises:
        StudyError: cuda is asked for where there is none.
    """
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise StudyError(
            "train.device: cuda, but torch finds no CUDA device here; allowed: auto, cpu"
        )
    cuda = settings.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if cuda else "cpu")


def training_device(settings: TrainSettings) -> torch.device:
    """Return the device to train on.

    Raises:
        StudyError: as `device`, or weights are to be offloaded from a GPU that is not used.
    """
    used = device(settings)
    if settings.offload_frozen and used.type == "cpu":
        raise StudyError(
            "train.offload_frozen: true, but training is on the CPU, where frozen weights are in "
            "the CPU's memory anyway; allowed: false, or a CUDA device"
        )
    return used


def compute_dtype(settings: TrainSettings) -> torch.dtype:
    """Return the dtype of frozen weights and activations that `train.precision` names."""
    return torch.bfloat16 if settings.precision == "bf16" else torch.float32


class Machine:
    """Measures one stage from its making on, and writes what it found."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def write(self, path: str | Path, settings: TrainSettings, **extra: Any) -> None:
        """Write hardware, versions, threads, precision, seconds and peak memory as JSON.

        Args:
            extra: further figures of the stage, by name.
        """
        used = device(settings)
        gpu = used.type == "cuda"
        write_json(
            path,
            {
                "device": torch.cuda.get_device_name() if gpu else _processor(),
                "device_type": used.type,
                "precision": settings.precision,
                "threads": torch.get_num_threads(),
                "cpu_capability": torch.backends.cpu.get_cpu_capability(),
                "python": platform.python_version(),
                "versions": {name: version(name) for name in PACKAGES},
                "seconds": round(time.perf_counter() - self._started, 3),
                "peak_memory_bytes": _peak_memory(),
                "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if gpu else None,
                **extra,
            },
        )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _peak_memory() -> int:
    """Return the most memory this process has held, in bytes (Linux counts in KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB
