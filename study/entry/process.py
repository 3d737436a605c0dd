"""How a stage's process starts, holds memory and lets its threads wait; begins before torch loads.

Training frees and takes the same few large tensors every step. glibc gives a large one back to the
system when it is freed, so that the next has to be mapped, zeroed and faulted in page by page. A
step of full fine-tuning on the default study went from 157 to 136 ms without that, 13 % less
(benchmarks/README.md).

Importing torch and transformers makes 370,000 objects, hardly any of them garbage, which Python's
collector looks through again and again: 0.7 s of 3.8 on this project's machine. So a stage's
process collects nothing until it has imported what it needs. Results do not depend on any of this.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys

SETTINGS = {
    # A thread that waits for its neighbour spins at first, by default for milliseconds: on a
    # machine that others use too, where the neighbour may not be running, steps then took over ten
    # times as long. A short spin costs nothing on a quiet machine. Read when OpenMP is loaded.
    "GOMP_SPINCOUNT": "20000",
    # torch takes tensors of 2 MiB and more in huge pages, where the kernel leaves that to programs.
    "THP_MEM_ALLOC_ENABLE": "1",
}

# Numbers of mallopt(3)'s parameters, from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_GROW = 64 << 20  # bytes that the heap grows by


def prepare() -> None:
    """Set what is to hold for this process; what the environment says already stays.

    Where the process is `python -m stages.NAME`, garbage is collected from `imported` on only.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    keep_freed_memory()
    if sys.argv[:1] == ["-m"]:  # so while Python looks for the module that it was told to run
        gc.disable()


def imported() -> None:
    """Collect garbage from now on, and look for it in what is made from now on alone."""
    gc.freeze()
    gc.enable()


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next tensor; does nothing where malloc is another."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, _GROW)
