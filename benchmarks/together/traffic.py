"""Bytes: how fast the device copies them, and how many a training step's operations move."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SIZES = {"cpu": 1 << 28, "cuda": 1 << 30}  # bytes of one copy: far more than a cache holds
REPEATS = 5
_GATHERS = ("aten::embedding", "aten::index_select", "aten::gather", "aten::index")
_OVERWRITES = ("aten::copy_", "aten::zero_", "aten::fill_", "aten::random_")
_NOTHING_MOVES = (
    *("aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty"),
    *("aten::_unsafe_view", "aten::lift_fresh"),
)


def copy_bandwidth(used: torch.device, size: int | None = None) -> float:
    """Return the best bytes a second of a copy within the device, those read and those written.

    Args:
        size: bytes of the copy; None takes `SIZES`.
    """
    count = SIZES[used.type] if size is None else size
    source = torch.randint(0, 255, (count,), dtype=torch.uint8, device=used)
    target = torch.empty_like(source)
    target.copy_(source)  # the first copy also takes the memory
    fastest = float("inf")
    for _ in range(REPEATS):
        synchronize(used)
        began = time.perf_counter()
        target.copy_(source)
        synchronize(used)
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * count / fastest


def synchronize(used: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if used.type == "cuda":
        torch.cuda.synchronize(used)


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write on one device while it is entered.

    Every tensor that an operation takes is read once and every one it makes or changes is written
    once, whatever a cache holds back; views cost nothing, and a gather reads what it returns. A
    step that is replayed from a CUDA graph shows no operations, so nothing is counted of it.
    """

    def __init__(self, used: torch.device) -> None:
        super().__init__()
        self._type = used.type
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = dict(zip((x.name for x in func._schema.arguments), args, strict=False))
        given |= kwargs or {}
        out = func(*args, **(kwargs or {}))
        name, returns = func._schema.name, func._schema.returns
        changed = [
            given[x.name]
            for x in func._schema.arguments
            if x.alias_info is not None and x.alias_info.is_write and x.name in given
        ]
        is_view = not changed and any(x.alias_info is not None for x in returns)
        if is_view or name in _NOTHING_MOVES:
            return out
        written = self._bytes(changed if changed else out)
        for argument in func._schema.arguments:
            if argument.is_out or (name in _OVERWRITES and argument.name == "self"):
                given.pop(argument.name, None)
        if name in _GATHERS:
            given.pop("weight" if name == "aten::embedding" else "self")
            self.bytes += written  # what it reads of the table is what it returns
        self.bytes += written + self._bytes(given)
        return out

    def _bytes(self, tree: Any) -> int:
        """Return how much memory the tensors cover; an expanded one has less than it shows."""
        total = 0
        for x in tree_leaves(tree):
            if isinstance(x, Tensor) and x.device.type == self._type:
                shown = x.numel() * x.element_size()
                strided = x.layout == torch.strided  # oneDNN's own layouts have no storage to ask
                total += min(shown, x.untyped_storage().nbytes()) if strided else shown
        return total
