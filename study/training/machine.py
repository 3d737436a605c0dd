"""Where a stage ran and what it cost: kept beside the results, in a file nothing depends on."""

from __future__ import annotations

import os
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
# What torch's matrix libraries choose kernels by, as Linux names it, on x86 and on ARM.
INSTRUCTION_SETS = (
    *("avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimddp", "bf16", "i8mm", "sve", "sve2", "sme"),
)
# Caps that the environment may put on them; oneDNN read the second before it was called so.
ISA_CAPS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
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
                "kernels": kernels(),
                "python": platform.python_version(),
                "versions": {name: version(name) for name in PACKAGES},
                "seconds": round(time.perf_counter() - self._started, 3),
                "peak_memory_bytes": _peak_memory(),
                "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if gpu else None,
                **extra,
            },
        )


def kernels(cpuinfo: str | Path = "/proc/cpuinfo") -> dict[str, Any]:
    """Return what decides in which order a CPU sums, and so the last bits of every result.

    A processor's name may say nothing («Intel(R) Xeon(R) Processor»), and torch's own capability
    is AVX512 with AMX and without.

    Args:
        cpuinfo: Linux's description of the processor; where there is none, little is known.

    Returns:
        architecture; vendor, family and model as the processor numbers them (null: not told);
        instruction_sets, those of `INSTRUCTION_SETS` that it has; and max_isa, the cap that the
        environment puts on oneDNN (null: none).
    """
    told = _first_processor(cpuinfo)
    flags = (told.get("flags") or told.get("Features") or "").split()
    return {
        "architecture": platform.machine(),
        "vendor": told.get("vendor_id") or told.get("CPU implementer"),
        "family": told.get("cpu family"),
        "model": told.get("model") or told.get("CPU part"),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "max_isa": next((os.environ[name] for name in ISA_CAPS if os.environ.get(name)), None),
    }


def _processor() -> str:
    return _first_processor().get("model name") or platform.processor() or platform.machine()


def _first_processor(cpuinfo: str | Path = "/proc/cpuinfo") -> dict[str, str]:
    """What Linux says of the first processor; empty where it says nothing."""
    info = Path(cpuinfo)
    if not info.exists():
        return {}
    first = info.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":")[::2] for line in first.splitlines())
    return {key.strip(): value.strip() for key, value in pairs}


def _peak_memory() -> int:
    """Return the most memory this process has held, in bytes (Linux counts in KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB
