"""The repository's files: what git knows of them, and their paths from its root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath


def pipeline_files(root: Path) -> list[str]:
    """Return every dvc.yaml that git tracks or would."""
    return _files(root, "dvc.yaml")


def lock_files(root: Path) -> list[str]:
    """Return every dvc.lock that git tracks or would."""
    return _files(root, "dvc.lock")


def from_root(folder: str, path: str) -> str:
    """Return a path that is given as a folder of the repository sees it, as its root sees it."""
    return PurePosixPath(os.path.normpath(os.path.join(folder, path))).as_posix()


def git(root: Path, *arguments: str, stdin: str = "") -> list[str]:
    """Return the lines that a git command prints."""
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=root,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: check-ignore found none
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def _files(root: Path, name: str) -> list[str]:
    chosen = ("--cached", "--others", "--exclude-standard", "--", name, f"*/{name}")
    found = set(git(root, "ls-files", *chosen))
    return sorted(path for path in found if (root / path).is_file())
