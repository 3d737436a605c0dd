"""The way back after an experiment that failed, or whose results are not wanted.

    python -m checks.back

Brings back what experiments write, and nothing else, to what it is in HEAD: settings, dvc.lock, and
the outputs of stages, those that are in git and those that are in DVC's cache here. Removes what
stages of other settings left beside them (see `checks.strays`). Files that you changed otherwise
are left alone, and named. Of new settings in params.yaml nothing stays: commit first what you want
to keep.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from checks import strays
from checks.findings import pipeline
from checks.pipelines import read
from checks.repository import git
from checks.restore import blobs, restore

SETTINGS = ("params.yaml", "dvc.lock")  # names of the files that say what a pipeline ran with


@dataclass(frozen=True)
class Back:
    """What was done.

    Attributes:
        commit: that results are back to.
        restored: files in git.
        removed: what other settings left.
        checked_out: outputs that came from DVC's cache and were not as they should be.
        left_alone: files in git that still differ from it.
        stale: stages that `dvc repro` would run, of pipelines that have run here.
        not_here: pipelines whose data is not all in DVC's cache here.
    """

    commit: str
    restored: list[str]
    removed: list[str]
    checked_out: list[str]
    left_alone: list[str]
    stale: list[str]
    not_here: list[str]

    def lines(self) -> list[str]:
        """Return it in words, the state last."""
        done = {
            "restored": self.restored,
            "removed (left by stages of other settings)": self.removed,
            "checked out": self.checked_out,
            "left alone, though not as committed": self.left_alone,
        }
        lines = [f"{what}: {', '.join(paths)}" for what, paths in done.items() if paths]
        state = f"back at {self.commit}: settings and results are those of HEAD"
        if self.not_here:
            state += f"; not run here to the end: {', '.join(self.not_here)}"
        told = f"`dvc repro` would run {', '.join(self.stale)}" if self.stale else "nothing to run"
        return [*lines, f"{state}; {told}"]


def back(root: Path) -> Back:
    """Bring the repository's settings and results back to HEAD.

    Raises:
        RuntimeError: git refuses; it says why.
        DvcException: DVC does, as while another of its commands is at work.
    """
    commit = git(root, "rev-parse", "--short", "HEAD")[0]
    written = strays.in_locks(root)  # by the experiment, whose dvc.lock goes
    committed = blobs(root)
    settings = [path for path in committed if path.rpartition("/")[2] in SETTINGS]
    restored = restore(root, settings)
    with contextlib.chdir(root), Repo() as repo:
        stages = [s for s in repo.index.stages if isinstance(s, PipelineStage)]
        outs = [(stage.addressing, out) for stage in stages for out in stage.outs]
        declared = {
            Path(out.fs_path).relative_to(root.resolve()).as_posix(): out for _, out in outs
        }
        tracked = [
            path
            for path in committed
            if any(str(p) in declared for p in (Path(path), *Path(path).parents))
        ]
        restored += restore(root, tracked)
        removed = strays.find(root, declared, written | strays.in_locks(root), committed)
        strays.remove(root, removed)
        cached = [(name, out) for name, out in outs if out.use_cache]
        missing = {id(out) for _, out in cached if not out.hash_info or out.changed_cache()}
        here = [out.fs_path for _, out in cached if id(out) not in missing]
        done = repo.checkout(targets=here, force=True) if here else {}
        of_cached = {pipeline(name) for name, _ in cached}
        not_here = {pipeline(name) for name, out in cached if id(out) in missing}
    ran = of_cached - not_here
    return Back(
        commit=commit,
        restored=sorted(restored),
        removed=removed,
        checked_out=sorted(
            str(path) for change in ("added", "modified") for path in done.get(change, [])
        ),
        left_alone=git(root, "diff", "--name-only", "HEAD"),
        stale=sorted(name for name in read(root).status if pipeline(name) in ran),
        not_here=sorted(not_here),
    )


def main() -> None:
    """Go back, and say what state it is back to."""
    try:
        lines = back(Path.cwd()).lines()
    except (RuntimeError, DvcException) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    for line in lines:
        print(f"back: {line}")


if __name__ == "__main__":
    main()
