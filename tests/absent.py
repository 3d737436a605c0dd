"""Python as it is where some packages are not installed.

    python -m tests.absent PACKAGE,PACKAGE MODULE ARGUMENT...

runs a module so, as `python -m MODULE ARGUMENT...` would.
"""

from __future__ import annotations

import importlib.machinery
import runpy
import sys
from collections.abc import Collection
from typing import Any


def hide(packages: Collection[str]) -> None:
    """Let no import find these top-level packages from now on."""

    class Finder(importlib.machinery.PathFinder):
        @classmethod
        def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
            if fullname.partition(".")[0] in packages:
                return None
            return super().find_spec(fullname, path, target)

    path_finder = importlib.machinery.PathFinder
    sys.meta_path = [Finder if f is path_finder else f for f in sys.meta_path]


if __name__ == "__main__":
    hide(sys.argv[1].split(","))
    del sys.argv[:2]  # the module finds its name and arguments where it looks for them
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
