"""Runs a stage on a copy of its dependencies alone, and compares with what is committed."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks.pipelines import Declared, Locked

FLOAT_TOLERANCE = 1e-9  # relative: another CPU may sum in another order


def disagreements(root: Path, stage: Declared, ran: Locked) -> Iterator[str]:
    """Yield a line for each committed output that the stage's command does not give again.

    Args:
        root: the repository.
        stage: with its command and the files of settings that it reads.
        ran: the same stage in dvc.lock, for its dependencies and outputs.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in [*stage.params, *(row["path"] for row in ran.deps)]:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / path).is_dir():
                shutil.copytree(root / path, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(root / path, target)
        for path in [f"{stage.folder}/here", *stage.outs]:  # DVC makes these folders too
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        python = str(Path(sys.executable).parent)
        env = os.environ | {"PATH": python + os.pathsep + os.environ.get("PATH", "")}
        done = subprocess.run(
            stage.command,
            shell=True,
            cwd=folder / stage.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            yield f"`{stage.command}` fails on the committed files ({last})"
            return
        for row in ran.outs:
            if not _same(root / row["path"], folder / row["path"]):
                yield (
                    f"{row['path']}: `{stage.command}` computes something else from what is "
                    "committed"
                )


def _same(committed: Path, computed: Path) -> bool:
    """Whether two results are equal: byte by byte, or as JSON up to the last digits of floats."""
    if not (committed.is_file() and computed.is_file()):
        return False
    ours, theirs = committed.read_bytes(), computed.read_bytes()
    if ours == theirs or committed.suffix != ".json":
        return ours == theirs
    return _close(json.loads(ours), json.loads(theirs))


def _close(ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(_close(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(_close, ours, theirs))
    if isinstance(ours, float):
        return math.isclose(ours, theirs, rel_tol=FLOAT_TOLERANCE)
    return bool(ours == theirs)
