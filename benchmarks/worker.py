"""A child process of the benchmark: `python -m benchmarks.worker STARTED JOB`.

It imports what its job needs and nothing else, because the time to the first step counts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.clock import Channel
from benchmarks.job import Job


def main() -> None:
    """Do the job that the command line describes, and tell the parent what came of it."""
    started, job = float(sys.argv[1]), Job.from_json(sys.argv[2])
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not reach the parent as a message
    channel = Channel(sys.stdin, sink)
    if job.kind in ("ours", "profile", "idle"):
        import stages  # noqa: F401  # how every stage prepares its process
    if job.arm == "causal":
        from benchmarks.variants import causal

        result = causal.run(job, channel, started)
    elif job.kind == "ours":
        from benchmarks.variants import ours

        result = ours.run(job, channel, started)
    elif job.kind == "idle":
        from benchmarks.variants import ours
        from study.arms import lora  # noqa: F401  # what "ours" loads later

        result = {}
    elif job.kind == "peak":
        from benchmarks import peak

        result = peak.run(job, channel)
    elif job.kind == "profile":
        from benchmarks import profiling

        result = profiling.run(job)
    elif job.kind == "score":
        from benchmarks import score

        result = score.run(job)
    else:
        from benchmarks.variants import trainer

        result = trainer.run(job, channel, started)
    channel.send({"result": {**result, **_peak_memory()}})


def _peak_memory() -> dict[str, int | None]:
    """Return the most memory that this process has held, in bytes.

    Linux starts a child's `ru_maxrss` at its parent's, so the kernel's own high-water mark is read.
    """
    import resource

    import torch

    status = Path("/proc/self/status")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        words = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM")).split()
        peak = int(words[1])
    gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "peak_memory_bytes": peak * 1024,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if gpu else None,
    }


if __name__ == "__main__":
    main()
