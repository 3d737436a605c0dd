"""The pipelines of a repository, each a dvc.yaml with its dvc.lock, seen from the root.

DVC writes paths as a stage sees them, from the folder it works in. Here they are all relative to
the repository, and a stage is called what DVC calls it there: `train@1` of dvc.yaml, and
`more/dvc.yaml:train@1` of more/dvc.yaml.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils import serialize

from checks.repository import from_root, git, lock_files

WHOLE_FILE = "*"  # stands for the keys of a file of settings that a stage reads whole


@dataclass(frozen=True)
class Declared:
    """A stage of a dvc.yaml, its loops and variables resolved.

    Attributes:
        folder: where it works.
        deps, outs: paths.
        params: keys, or `WHOLE_FILE`, by file of settings.
    """

    command: str
    folder: str
    deps: frozenset[str]
    outs: frozenset[str]
    params: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Locked:
    """A stage of a dvc.lock, as it ran last.

    Attributes:
        file: the dvc.lock.
        name: of the stage in that file.
        command: None where the file does not tell.
        deps, outs: rows of path, hash and size.
        params: values by key by file of settings.
    """

    file: str
    name: str
    command: str | None
    deps: tuple[Mapping[str, Any], ...]
    outs: tuple[Mapping[str, Any], ...]
    params: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Pipelines:
    """Everything that DVC knows of a repository, by stage.

    Attributes:
        status: what `dvc status` says.
        ignored: those paths of `locked` that git ignores: data that is only in DVC's cache.
    """

    declared: Mapping[str, Declared]
    locked: Mapping[str, Locked]
    status: Mapping[str, Any]
    ignored: frozenset[str]


def read(root: Path) -> Pipelines:
    """Read all pipelines of the repository at `root`."""
    with contextlib.chdir(root), Repo() as repo:  # DVC names stages relative to where it runs
        status = repo.status()
        stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        declared = {stage.addressing: _declared(stage, root.resolve()) for stage in stages}
    locked = locked_of({file: load_yaml(root / file) for file in lock_files(root)}, declared)
    rows = [row for entry in locked.values() for row in (*entry.deps, *entry.outs)]
    paths = sorted({row["path"] for row in rows})
    ignored = frozenset(git(root, "check-ignore", "--stdin", stdin="\n".join(paths)))
    return Pipelines(declared, locked, status, ignored)


def locked_of(
    locks: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Declared]
) -> dict[str, Locked]:
    """Return the stages of dvc.lock files, which are given parsed, by path."""
    locked = {}
    for file, lock in locks.items():
        for name, entry in lock.get("stages", {}).items():
            address = _address(file, name)
            known = declared.get(address)
            folder = known.folder if known else str(PurePosixPath(file).parent)
            locked[address] = _locked(file, name, entry, folder)
    return locked


def load_yaml(path: Path) -> Mapping[str, Any]:
    """Read a YAML file; one that is not there is empty."""
    if not path.is_file():
        return {}
    return parse_yaml(path.read_text(encoding="utf-8"), str(path))


@functools.cache  # a dvc.lock takes a second, and is asked for several times
def parse_yaml(text: str, path: str) -> Mapping[str, Any]:
    """Parse YAML of a file as DVC does; of nothing comes an empty mapping.

    Raises:
        DvcException: it is no YAML.
    """
    parsed: Mapping[str, Any] = serialize.parse_yaml(text, path)
    return parsed


def _address(lock_file: str, name: str) -> str:
    pipeline = PurePosixPath(lock_file).with_name("dvc.yaml").as_posix()
    return name if pipeline == "dvc.yaml" else f"{pipeline}:{name}"


def _declared(stage: Any, root: Path) -> Declared:
    folder = Path(stage.wdir).resolve().relative_to(root).as_posix()
    settings = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    others = [dep for dep in stage.deps if dep not in settings]
    return Declared(
        command=str(stage.cmd),
        folder=folder,
        deps=_paths(folder, (dep.def_path for dep in others)),
        outs=_paths(folder, (out.def_path for out in stage.outs)),
        params={
            from_root(folder, dep.def_path): frozenset(dep.params or [WHOLE_FILE])
            for dep in settings
        },
    )


def _locked(file: str, name: str, entry: Mapping[str, Any], folder: str) -> Locked:
    def rows(kind: str) -> Iterator[Mapping[str, Any]]:
        for row in entry.get(kind, []):
            yield {**row, "path": from_root(folder, row["path"])}

    params = {from_root(folder, path): keys for path, keys in entry.get("params", {}).items()}
    return Locked(file, name, entry.get("cmd"), tuple(rows("deps")), tuple(rows("outs")), params)


def _paths(folder: str, paths: Iterable[str]) -> frozenset[str]:
    return frozenset(from_root(folder, path) for path in paths)
