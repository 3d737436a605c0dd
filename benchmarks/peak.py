"""The machine's own speed in matrix products, the roof that training is held against."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.clock import Channel
from benchmarks.job import Job
from study.records.json_file import read_json
from study.settings import whole as study_settings
from study.settings.train import TrainSettings
from study.training.machine import Machine, device

SIZES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
REPEATS = 5


def run(job: Job, channel: Channel) -> dict[str, Any]:
    """Measure whenever the parent asks; return what the machine is."""
    chosen = study_settings.load().train
    used = device(chosen)
    sizes = (512,) if job.sentences is not None else SIZES[used.type]
    measure(used, sizes)  # kernels are made and threads started
    channel.send({})
    while channel.receive():
        channel.send({"gflops": measure(used, sizes)})
    return {"machine": machine(chosen)}


def machine(settings: TrainSettings) -> dict[str, Any]:
    """Return what the machine is, and the versions of what trains on it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "machine.json")
        Machine().write(path, settings)
        found = read_json(path)
    kept = ("device", "device_type", "precision", "threads", "cpu_capability", "python", "versions")
    return {key: found[key] for key in kept}


def measure(used: torch.device, sizes: tuple[int, ...]) -> dict[str, float]:
    """Return the best GFLOP/s of square products with all threads, by dtype."""
    best = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        best[name] = max(_speed(used, size, dtype) for size in sizes)
    return best


def _speed(used: torch.device, size: int, dtype: torch.dtype) -> float:
    a, b = (torch.randn(size, size, device=used).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    fastest = float("inf")
    for _ in range(REPEATS):
        _wait(used)
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        _wait(used)
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * size**3 / fastest / 1e9


def _wait(used: torch.device) -> None:
    if used.type == "cuda":
        torch.cuda.synchronize()
