"""How a process that trains a language model in full holds memory.

`study.entry.process` lets glibc keep all that is freed in one heap, which suits tensors of one size
that come again each step. Full fine-tuning also has some of half a gigabyte: weights, gradient,
moments, what is kept of the best epoch. In the heap the holes that they leave are taken by smaller
tensors, so that the next of them finds none and the heap grows: to 9.4 GiB after four runs of
SmolLM2-135M, of which 4 are in use. So these are mapped one by one, and given back when they are
freed. What is computed does not depend on it.
"""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_MMAP_MAX = -3, -4  # of mallopt(3), from glibc's malloc.h
_LARGE = 32 << 20  # bytes; glibc takes no higher threshold
_AT_ONCE = 65536  # mapped tensors, glibc's own default


def give_back_large() -> None:
    """Let glibc map tensors of 32 MiB and more; does nothing where malloc is another."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_MMAP_MAX, _AT_ONCE)
