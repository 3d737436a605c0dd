"""The project's own modules without compiling the same source again and again.

Where Python may write no bytecode, and in every copy of a study where it may, each command would
compile what it imports anew: a third of a second, which is more than many a stage computes. What a
source compiled to is kept here by that source; a traceback names the file that it was read from.
"""

from __future__ import annotations

import _imp
import hashlib
import marshal
import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any


def keep(folder: Path) -> None:
    """Let imports, in this process and its forks, keep in `folder` what sources compile to."""
    compiled = SourceFileLoader.source_to_code

    def kept(self: SourceFileLoader, data: Any, path: Any, *rest: Any, **options: Any) -> CodeType:
        if not isinstance(data, bytes):  # a syntax tree, say of a test whose asserts were rewritten
            return compiled(self, data, path, *rest, **options)
        place = folder / f"{hashlib.sha256(data).hexdigest()}.code"
        if place.exists():
            code: CodeType = marshal.loads(place.read_bytes())
            _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
            return code
        code = compiled(self, data, path, *rest, **options)
        partial = place.with_suffix(f".{os.getpid()}")
        partial.write_bytes(marshal.dumps(code))
        partial.replace(place)
        return code

    SourceFileLoader.source_to_code = kept  # type: ignore[method-assign,assignment]
