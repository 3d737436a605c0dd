"""The stages of a dvc.yaml, run one after the other in this process, as DVC would run them."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from checks.pipelines import load_yaml

# They draw and show what the others have found, which no model makes any different.
NOT_OF_THE_MODEL = ("plot", "report")


def commands(pipeline: Path, ranks: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
    """Yield (name, command line) of every stage, a stage's in turn for each rank.

    Args:
        pipeline: a dvc.yaml whose stages stand in an order in which they can run.
    """
    stages: Mapping[str, Mapping[str, Any]] = load_yaml(pipeline)["stages"]
    for name, stage in stages.items():
        if name in NOT_OF_THE_MODEL:
            continue
        _, _, module, *words = stage["cmd"].split()
        words = [word for word in words if word not in ("--study", pipeline.parent.name)]
        if "matrix" not in stage:
            yield name, [module, *words]
            continue
        for rank in ranks:
            yield f"{name}@{rank}", [module, *(_of(word, rank) for word in words)]


def _of(word: str, rank: int) -> str:
    return str(rank) if word == "${item.rank}" else word


def run(command: Sequence[str], folder: Path) -> str:
    """Run a stage's `main` in a folder; return what it said.

    Raises:
        Exception: whatever it raises.
    """
    said = io.StringIO()
    module = importlib.import_module(command[0])
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", list(command)),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        module.main()
    return said.getvalue()
