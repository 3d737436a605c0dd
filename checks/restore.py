"""Tracked files brought back to what they are in HEAD, whatever git believes of them.

Git takes a file for unchanged if its seconds of change and its size are those that it noted. DVC
writes params.yaml twice within a second when an experiment begins, so that a text of the same
length goes unseen, and `git checkout .` leaves it. Here files are compared by what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from checks.repository import git


def restore(root: Path, paths: Collection[str]) -> list[str]:
    """Bring files back to HEAD, in the index too, and return those that were different.

    Args:
        paths: of files, from the root; what HEAD does not have is left alone.
    """
    if not paths:
        return []
    committed = blobs(root)
    paths = sorted(path for path in paths if path in committed)
    there = [path for path in paths if (root / path).is_file()]
    now = git(root, "hash-object", "--stdin-paths", stdin="\n".join(there)) if there else []
    hashes = dict(zip(there, now, strict=True))
    changed = [path for path in paths if hashes.get(path) != committed[path]]
    for path in changed:
        if path in hashes:
            os.utime(root / path, (0, 0))  # no time that git may have noted
    if paths:
        listed = ("--pathspec-from-file=-", "--pathspec-file-nul")
        git(
            root, "--literal-pathspecs", "checkout", "--quiet", "HEAD", *listed,
            stdin="\0".join(paths),
        )  # fmt: skip
    return changed


def blobs(root: Path) -> dict[str, str]:
    """Return the hash of every file in HEAD, by path."""
    found = {}
    for line in git(root, "ls-tree", "-r", "HEAD"):
        kind, _, path = line.partition("\t")
        found[path] = kind.split()[2]
    return found
