"""Run stages in one process and print, as JSON, which settings each of them read.

    python -m tests.pipeline.settings_read '[["lora", "--rank", "1"], ...]' '["datasets", ...]'

The second list names packages to hide, as if they were not installed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.machinery
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints


def hide(packages: set[str]) -> None:
    """Make imports of `packages` fail as they do where nobody installed them."""

    class Finder(importlib.machinery.PathFinder):
        @classmethod
        def find_spec(
            cls, fullname: str, path: Sequence[str] | None = None, target: Any = None
        ) -> importlib.machinery.ModuleSpec | None:
            if fullname.partition(".")[0] in packages:
                return None
            return super().find_spec(fullname, path, target)

    ours: Any = Finder
    sys.meta_path = [ours if f is importlib.machinery.PathFinder else f for f in sys.meta_path]


def watch(note: Callable[[str], None]) -> None:
    """Call `note` with the dotted key of every setting of the file when it is read.

    What a stage changes for itself (`dataclasses.replace`) is no setting of the file any more; what
    it leaves as it was is read when it is copied.
    """
    settings = importlib.import_module("study.settings")
    places: dict[int, str] = {}  # of what came from the file
    kept: list[object] = []  # so that no other object gets their identity
    plain = settings.load

    def load(*arguments: Any) -> Any:
        loaded = plain(*arguments)
        kept.append(loaded)
        places[id(loaded)] = ""
        return loaded

    settings.load = load
    _watch(settings.Settings, note, places, set())


def _watch(
    section: Any, note: Callable[[str], None], places: dict[int, str], watched: set[type]
) -> None:
    """Watch a section and those in it; `places` tells where in the file each object stands."""
    hints = get_type_hints(section)
    nested = {name for name, hint in hints.items() if dataclasses.is_dataclass(hint)}

    def noting(self: Any, name: str) -> Any:
        value = object.__getattribute__(self, name)
        place = places.get(id(self))
        if place is not None and name in nested:
            places[id(value)] = f"{place}{name}."
        elif place is not None and name in hints:
            note(place + name)
        return value

    section.__getattribute__ = noting
    watched.add(section)
    for name in nested:
        if hints[name] not in watched:
            _watch(hints[name], note, places, watched)


def main() -> None:
    """Run the stages in turn."""
    commands, hidden = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))
    hide(hidden)
    found: list[list[str]] = []
    watch(lambda key: found[-1].append(key))
    with contextlib.redirect_stdout(sys.stderr):
        for stage, *arguments in commands:
            found.append([])
            sys.argv = [stage, *arguments]
            importlib.import_module(f"stages.{stage}").main()
    print(json.dumps([sorted(set(keys)) for keys in found]))
    assert not hidden & set(sys.modules)


if __name__ == "__main__":
    main()
