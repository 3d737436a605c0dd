"""What stages of other settings left beside the outputs of today's: `data/adapters/r64`.

A folder that several stages write into is one dependency as a whole, so a file too many in it makes
everything that reads it stale. Nothing of the user's is taken for such a stray: it stands where a
stage that is declared for a list of items would put another item's output, HEAD does not have it,
and the item is a number where all others are, or some dvc.lock names it as an output.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from checks.pipelines import load_yaml
from checks.repository import from_root, git, pipeline_files

_ITEM = re.compile(r"\$\{[^}]*\}")


def find(
    root: Path, outputs: Collection[str], known: Collection[str], committed: Collection[str]
) -> list[str]:
    """Return the strays of the repository.

    Args:
        outputs: of the stages that are declared.
        known: further paths that are known to be outputs, of stages of other settings.
        committed: files in HEAD.
    """
    kept = {str(p) for path in committed for p in (Path(path), *Path(path).parents)}
    found = set()
    for template in _templates(root):
        parts = [re.escape(part) for part in _ITEM.split(template)]
        pattern = re.compile("([^/]+)".join(parts))
        siblings = [m for path in outputs if (m := pattern.fullmatch(path))]
        numbers = all(item.isdigit() for m in siblings for item in m.groups())
        for place in root.glob(_ITEM.sub("*", template)):
            path = place.relative_to(root).as_posix()
            match = pattern.fullmatch(path)
            if not match or path in outputs or path in kept:
                continue
            if path in known or (numbers and all(item.isdigit() for item in match.groups())):
                found.add(path)
    return sorted(found)


def in_locks(root: Path) -> set[str]:
    """Return what the dvc.lock files name as outputs, of stages that are declared or were."""
    found = set()
    for file in pipeline_files(root):
        stages = load_yaml(root / file).get("stages", {})
        lock = load_yaml((root / file).with_name("dvc.lock"))
        for name, entry in lock.get("stages", {}).items():
            where = _folder(file, stages.get(name.partition("@")[0], {}))
            found |= {from_root(where, row["path"]) for row in entry.get("outs", [])}
    return found


def remove(root: Path, paths: Collection[str]) -> None:
    """Remove strays, from git's index too, and folders that hold nothing without them."""
    if paths:
        git(root, "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", *paths)
    for path in paths:
        place = root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
        if not any(place.parent.iterdir()):
            place.parent.rmdir()


def _templates(root: Path) -> Iterator[str]:
    """Outputs of all stages that are declared for a list of items, `${…}` in them."""
    for file in pipeline_files(root):
        for stage in load_yaml(root / file).get("stages", {}).values():
            for out in stage.get("do", stage).get("outs", []):
                path = _path(out)
                if _ITEM.search(path):
                    yield from_root(_folder(file, stage), path)


def _folder(file: str, stage: Mapping[str, Any]) -> str:
    """Where a stage of a dvc.yaml works, from the root."""
    own = stage.get("do", stage).get("wdir", ".")
    return from_root(PurePosixPath(file).parent.as_posix(), own)


def _path(out: Any) -> str:
    """An output's path; one with options is a mapping of it to them."""
    return str(next(iter(out))) if isinstance(out, dict) else str(out)
