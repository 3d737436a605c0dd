"""Results that were made again by the same code and settings on another kind of machine.

After a plain `dvc repro` on another CPU the other pipelines still stand on what the first machine
made. That is no staleness: only the last bits differ. To be told from the rest it must be shown,
and git's history shows it. In the commit that last changed the other pipeline's dvc.lock,

- what it read is what the producing pipeline had written, hash by hash,
- and everything that makes it was the same as now: commands, settings, code, sources,
- while the machines' files beside the results tell of another kind of machine.

Where one of them cannot be shown, as in a clone without history, nothing is excused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from checks import machines
from checks.findings import command, pipeline
from checks.pipelines import Declared, Locked, Pipelines, locked_of, parse_yaml
from checks.repository import git

MACHINE = "/machine/"  # folders of files that tell of the machine alone; nothing depends on them


@dataclass(frozen=True)
class Elsewhere:
    """What a stage of another pipeline read that was made again elsewhere since.

    Attributes:
        differs: what tells the machines apart, in words.
    """

    stage: str
    path: str
    differs: str


def find(root: Path, known: Pipelines, stale: Iterable[tuple[str, str]]) -> list[Elsewhere]:
    """Return those of the stale pairs of stage and dependency that another machine explains."""
    found: list[Elsewhere] = []
    commits: dict[str, _Then] = {}
    for stage, path in sorted(stale):
        producers = _producers(known.locked, path)
        if not producers or pipeline(stage) in map(pipeline, producers):
            continue
        lock = pipeline(stage).removesuffix("yaml") + "lock"
        for commit in git(root, "log", "-1", "--format=%H", "--", lock):  # none: no history
            then = commits.setdefault(commit, _Then(root, commit, known.declared))
            if differs := _differs(root, known, then, stage, path):
                found.append(Elsewhere(stage, path, differs))
    return found


def note(found: Collection[Elsewhere]) -> str:
    """Return the one line that says so."""
    paths = ", ".join(sorted({e.path for e in found}))
    stages = {e.stage for e in found}
    readers = ", ".join(sorted({pipeline(stage) for stage in stages}))
    return (
        f"note: {paths}: made again by the same code and settings on another kind of machine than "
        f"what {readers} read ({min(e.differs for e in found)}), so that they differ by rounding "
        f"alone; to have all from this machine run `{command(stages)}` and commit, to have the "
        "committed results back `make back`"
    )


class _Then:
    """The repository at a commit, as far as it is asked for."""

    def __init__(self, root: Path, commit: str, declared: Mapping[str, Declared]) -> None:
        self._root, self._commit, self._declared = root, commit, declared

    def read(self, path: str) -> str:
        """Return a file's text; empty where there was none."""
        try:
            return "\n".join(git(self._root, "show", f"{self._commit}:{path}"))
        except RuntimeError:
            return ""

    @cached_property
    def locked(self) -> Mapping[str, Locked]:
        names = git(self._root, "ls-tree", "-r", "--name-only", self._commit)
        locks = [name for name in names if name.rpartition("/")[2] == "dvc.lock"]
        return locked_of(
            {name: parse_yaml(self.read(name), name) for name in locks}, self._declared
        )


def _differs(root: Path, known: Pipelines, then: _Then, stage: str, path: str) -> str | None:
    """What tells the machines apart that made a dependency then and now; None: not shown."""
    ran = known.locked[stage]
    if stage not in then.locked or then.locked[stage].deps != ran.deps:
        return None
    read = {row.get("md5") for row in ran.deps if row["path"] == path}
    others = (entry for name, entry in then.locked.items() if name != stage)
    rows = [row for e in others for row in (*e.deps, *e.outs) if row["path"] == path]
    if read.isdisjoint(row.get("md5") for row in rows if row.get("md5")):
        return None
    makers = _ancestors(known.locked, path)
    if makers != _ancestors(then.locked, path):
        return None
    if any(_recipe(known.locked, name) != _recipe(then.locked, name) for name in makers):
        return None
    for file in sorted(_machine_files(known.locked, makers)):
        if (root / file).is_file():
            now = (root / file).read_text(encoding="utf-8")
            if differs := machines.differences(_parsed(now), _parsed(then.read(file))):
                return ", ".join(differs)
    return None


def _producers(locked: Mapping[str, Locked], path: str) -> set[str]:
    """Stages that write this path, or into it."""
    return {
        name
        for name, entry in locked.items()
        if any(f"{row['path']}/".startswith(f"{path}/") for row in entry.outs)
    }


def _ancestors(locked: Mapping[str, Locked], path: str) -> set[str]:
    """Stages that write this path and those before them."""
    found: set[str] = set()
    waiting = _producers(locked, path)
    while waiting:
        name = waiting.pop()
        found.add(name)
        before = {p for row in locked[name].deps for p in _producers(locked, row["path"])}
        waiting |= before - found
    return found


def _recipe(locked: Mapping[str, Locked], name: str) -> Any:
    """What a stage is made by: its command, its settings, and dependencies that no stage writes."""
    entry = locked[name]
    sources = {
        row["path"]: row.get("md5") for row in entry.deps if not _producers(locked, row["path"])
    }
    return entry.command, entry.params, sources, {row["path"] for row in entry.outs}


def _machine_files(locked: Mapping[str, Locked], stages: Iterable[str]) -> Iterator[str]:
    for name in stages:
        yield from (row["path"] for row in locked[name].outs if MACHINE in f"/{row['path']}")


def _parsed(text: str) -> Mapping[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, Mapping) else {}
