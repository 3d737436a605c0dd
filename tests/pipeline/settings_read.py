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
    """Call `note` with the dotted key of every setting when it is read.

    Where several sections are of one class, an object's place is where it was read from.
    """
    settings = importlib.import_module("study.settings")
    places: dict[type, list[str]] = {}
    _find(settings.Settings, "", places)
    by_object: dict[int, str] = {}
    for section, prefixes in places.items():
        _watch(section, prefixes[0] if len(prefixes) == 1 else None, by_object, note)


def _find(section: Any, prefix: str, places: dict[type, list[str]]) -> None:
    """Gather the prefixes of the keys of every section's class."""
    places.setdefault(section, []).append(prefix)
    for name, hint in get_type_hints(section).items():
        if dataclasses.is_dataclass(hint):
            _find(hint, f"{prefix}{name}.", places)


def _watch(
    section: Any, prefix: str | None, by_object: dict[int, str], note: Callable[[str], None]
) -> None:
    hints = get_type_hints(section)
    nested = {name for name, hint in hints.items() if dataclasses.is_dataclass(hint)}

    def noting(self: Any, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if type(self) is not section or name not in hints:  # a kind of its own: not of the file
            return value
        place = by_object.get(id(self), "") if prefix is None else prefix
        if name in nested:
            by_object[id(value)] = f"{place}{name}."
        else:
            note(place + name)
        return value

    section.__getattribute__ = noting


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
