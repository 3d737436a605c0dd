"""PEFT, loaded when a method needs it: that takes seconds, and nothing else in the study does."""

from __future__ import annotations

import logging
from typing import Any


def load_peft() -> Any:
    """Return the module peft.

    It loads bitsandbytes where that is installed, which then says that it lacks a package of
    kernels from a hub: those are not wanted.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    import peft

    return peft
