"""Which stages DVC will run, and which it may: its own status, on settings that nobody has saved.

DVC reads files through a file system, so that a params.yaml in its place is all that it takes to
ask about other settings: nothing is written.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError
from study.entry.sections import PARAMS


class Run(Enum):
    """Whether DVC will run a stage."""

    YES = "runs"
    MAYBE = "may run"  # if what it reads comes out otherwise
    NO = "up to date"


@dataclass(frozen=True)
class Node:
    """A stage as DVC has it.

    Attributes:
        changed: in itself, or in a file that no other stage makes.
        reads, writes: paths from the repository's root.
        picks: of what it reads, the files of which it reads single values, such as a picked rate.
    """

    name: str
    changed: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    picks: tuple[str, ...] = ()


def nodes(text: str, root: str | Path = ".") -> list[Node]:
    """Return the stages of dvc.yaml, in its order, as they stand with these settings.

    Args:
        text: of params.yaml.

    Raises:
        StudyError: there is no DVC repository, or DVC refuses it.
    """
    from dvc.exceptions import DvcException
    from dvc.fs import LocalFileSystem
    from dvc.repo import Repo

    class Given(LocalFileSystem):
        """The files as they are, but for params.yaml."""

        def open(self, path: str, mode: str = "r", **options: Any) -> Any:
            if os.path.abspath(path) == given:
                return io.BytesIO(text.encode()) if "b" in mode else io.StringIO(text)
            return super().open(path, mode=mode, **options)

    given = os.path.abspath(Path(root, PARAMS))
    try:
        with Repo(os.path.abspath(root), fs=Given()) as repo, repo.lock:
            stages = [s for s in repo.index.stages if s.path_in_repo == "dvc.yaml"]
            return [_node(stage, repo.root_dir) for stage in stages]
    except DvcException as error:
        raise StudyError(f"dvc status: {error}") from error


def _node(stage: Any, root: str) -> Node:
    from dvc.dependency.param import ParamsDependency

    def path(item: Any) -> str:
        return os.path.relpath(item.fs_path, root)

    status = stage.status()
    return Node(
        name=stage.name,
        changed=bool(status),
        reads=tuple(path(dep) for dep in stage.deps),
        writes=tuple(path(out) for out in stage.outs),
        picks=tuple(
            path(d) for d in stage.deps if isinstance(d, ParamsDependency) and path(d) != PARAMS
        ),
    )


def runs(stages: Sequence[Node], same: Sequence[str] = ()) -> dict[str, Run]:
    """Return, by stage, whether DVC will run it.

    A stage whose input another one makes anew runs, unless that one is in `same`; one that reads
    single values of it may.

    Args:
        same: stages whose outputs come out as they are.
    """
    makers = {out: node.name for node in stages for out in node.writes}
    found: dict[str, Run] = {}
    waiting = list(stages)
    while waiting:
        left = {node.name for node in waiting}
        for node in [n for n in waiting if not (_before(n, makers) - {n.name}) & left]:
            found[node.name] = _run(node, makers, found, same)
            waiting.remove(node)
    return {node.name: found[node.name] for node in stages}


def _before(node: Node, makers: Mapping[str, str]) -> set[str]:
    """Return the stages that make something of what a stage reads."""
    return {maker for out, maker in makers.items() for path in node.reads if _meet(out, path)}


def _run(
    node: Node, makers: Mapping[str, str], found: Mapping[str, Run], same: Sequence[str]
) -> Run:
    reached = Run.NO
    for path in node.reads:
        for out, maker in makers.items():
            if not _meet(out, path) or maker in same or found[maker] is Run.NO:
                continue
            if found[maker] is Run.YES and path not in node.picks:
                return Run.YES
            reached = Run.MAYBE
    return Run.YES if node.changed else reached


def _meet(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is a folder of the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
