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
from collections.abc import Callable, Mapping, Sequence
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
    """Call `note` with the key of every setting when it is read.

    Where it is of another file than the study's params.yaml, that file stands before it.

    What the stage itself puts in the place of settings, in copies of them, is none of the file.
    """
    sections: Any = importlib.import_module("study.entry.sections")
    load = sections.load
    places: dict[int, tuple[Any, str]] = {}  # with the object, so that its id stays its own
    watched: set[type] = set()

    def note_in(section: Any, prefix: str) -> None:
        places[id(section)] = section, prefix
        if type(section) not in watched:
            watched.add(type(section))
            _watch(type(section), places, note)

    def find(section: Any, prefix: str) -> None:
        for field in dataclasses.fields(section):
            inner = object.__getattribute__(section, field.name)  # unseen by those that watch
            if dataclasses.is_dataclass(inner):
                find(inner, f"{prefix}{field.name}.")
        note_in(section, prefix)

    def loaded(*chosen: Any) -> Any:
        found = load(*chosen)
        for section in chosen:
            value = object.__getattribute__(found, section.name)
            if dataclasses.is_dataclass(value):
                main = section.file == sections.PARAMS
                find(value, f"{section.name}." if main else f"{section.file}:")
        note_in(found, "")
        return found

    sections.load = loaded


def _watch(
    section: Any, places: Mapping[int, tuple[Any, str]], note: Callable[[str], None]
) -> None:
    hints = get_type_hints(section)
    leaves = {name for name, hint in hints.items() if not dataclasses.is_dataclass(hint)}

    def noting(self: Any, name: str) -> Any:
        if name in leaves and id(self) in places:
            note(places[id(self)][1] + name)
        return object.__getattribute__(self, name)

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
