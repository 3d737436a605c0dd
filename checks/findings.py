"""A finding of the gate: what is stale, which stages are, and what to run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Finding:
    """One line about one or more stages.

    Attributes:
        stages: the line names them all, between `head` and `tail`.
        path: the dependency or output that is another; None: something else is.
        todo: what to do; None: run the stages and commit.
    """

    stages: frozenset[str]
    head: str
    tail: str
    path: str | None = None
    todo: str | None = None

    def line(self) -> str:
        """Return it in words."""
        return f"{self.head}{listed(self.stages)}{self.tail}; {self.todo or rerun(self.stages)}"

    def without(self, stages: Collection[str]) -> Finding:
        """Return what it says of the other stages."""
        return replace(self, stages=self.stages.difference(stages))


def about(stage: str, says: str, path: str | None = None, todo: str | None = None) -> Finding:
    """Return a finding that begins with its one stage."""
    return Finding(frozenset([stage]), "", f": {says}", path, todo)


def pipeline(stage: str) -> str:
    """Return the dvc.yaml that a stage, called as DVC calls it from the root, stands in."""
    file, colon, _ = stage.rpartition(":")
    return file if colon else "dvc.yaml"


def command(stages: Iterable[str]) -> str:
    """Return what runs these stages' pipelines; `dvc repro` alone is the root's."""
    files = sorted({pipeline(stage) for stage in stages}, key=lambda file: (file.count("/"), file))
    return " ".join(["dvc repro", *(files if files != ["dvc.yaml"] else [])])


def rerun(stages: Iterable[str]) -> str:
    """Return what to do about stages that are stale."""
    return f"run `{command(stages)}` and commit dvc.lock with the results"


def listed(names: Iterable[str]) -> str:
    """Return names in order, each once."""
    return ", ".join(sorted(set(names)))
