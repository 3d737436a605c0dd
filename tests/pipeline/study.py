"""A clone of this repository, and the commands that a user gives in it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline import toys

REPOSITORY = Path(__file__).resolve().parents[2]
LEFT_OUT = (
    *("data/", "metrics/", "plots/", "dvc.lock", "benchmarks/", "tests/"),
    *("methods/", "placement/", "drift/", "stacking/"),  # see `Study.add_pipeline`
    *("instruct/", "timings/"),
)
NOBODY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
COMMANDS: list[str] = []  # the folder with the commands of `warm`, while it is serving
ALL_STAGES = {
    *("check", "prepare", "theory_bound", "theory", "head_only", "full", "lora@1", "lora@2"),
    *("linear_probe", "headline", "aggregate", "undertraining", "sufficient_rank"),
    *("shuffled_labels",),
    *("learning_rate", "agreement"),
    *("capacity", "spectra", "rules_of_thumb", "cost", "claims", "select", "plot", "report"),
}
# Named as targets, all of the study but what draws and shows it: that follows what it shows, and
# takes longer than all training. It runs where a test is about it.
NOT_DRAWN = sorted({stage.partition("@")[0] for stage in ALL_STAGES - {"plot", "report"}})


@dataclass(frozen=True)
class Done:
    """What a command said, and which stages DVC ran for it, in order."""

    output: str
    status: int

    @property
    def ran(self) -> list[str]:
        return re.findall(r"Running stage '([^']+)'", self.output)

    @property
    def trained(self) -> bool:
        """Whether any stage reported an epoch."""
        return re.search(r"\bepoch \d", self.output) is not None


@dataclass(frozen=True)
class Study:
    """A folder with the project's sources, toy settings and toy data in git.

    `fresh` says that every command starts a Python from nothing, as it does for a user; else it
    is one of `warm`, where it is running.
    """

    root: Path
    fresh: bool = False

    def add_pipeline(self, folder: str) -> None:
        """Add another pipeline of the repository, which has not run yet."""
        (self.root / folder).mkdir()
        for name in ("dvc.yaml", "params.yaml", ".gitignore"):
            if (REPOSITORY / folder / name).is_file():
                shutil.copyfile(REPOSITORY / folder / name, self.root / folder / name)

    def call(self, *command: str, status: int | None = 0) -> Done:
        """Run a command in the clone; `status` is the one expected, None for any."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = f"{command} exited with {done.returncode}\n{done.stdout}"
        assert status is None or done.returncode == status, said
        return Done(done.stdout, done.returncode)

    def repro(self, *arguments: str) -> Done:
        return self.call("dvc", "repro", *arguments)

    def experiment(self, *settings: str, targets: Sequence[str] = ()) -> Done:
        """`dvc exp run` with `-S` before each setting; of all stages, if no targets are given."""
        chosen = [word for setting in settings for word in ("-S", setting)]
        return self.call("dvc", "exp", "run", *chosen, *targets)

    def repro_killed_while(self, pattern: str, *targets: str) -> Done:
        """Start `dvc repro` and kill it, stages and all, once a line of its output matches."""
        process = subprocess.Popen(
            ["dvc", "repro", *targets],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if re.search(pattern, line):
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        return Done("".join(lines), process.wait())

    def commit(self, message: str) -> None:
        self.call("git", "add", "--all")
        self.call("git", "commit", "--quiet", "--message", message)

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Add to a source file."""
        with (self.root / name).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def copy(self, target: Path) -> Study:
        """Copy everything: sources, results, git history and DVC's cache."""
        shutil.copytree(self.root, target, symlinks=True)
        return Study(target)

    def clone(self, target: Path) -> Study:
        """Clone from git, as a user would: without data, cache or remote."""
        self.call("git", "clone", "--quiet", str(self.root), str(target))
        return Study(target)

    def environment(self) -> dict[str, str]:
        """This Python first, an identity for git, and no trace outside the test's folder."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_"))}
        places = [*([] if self.fresh else COMMANDS), str(Path(sys.executable).parent), env["PATH"]]
        return (
            env
            | NOBODY
            | {
                "PATH": os.pathsep.join(places),
                "DVC_NO_ANALYTICS": "1",
                "DVC_SITE_CACHE_DIR": str(self.root.parent / "dvc-site"),
                "DVC_GLOBAL_CONFIG_DIR": str(self.root.parent / "dvc-global"),
                "OMP_NUM_THREADS": "1",
            }
        )


def create(root: Path, *, fresh: bool = False) -> Study:
    """Copy the sources of this repository, as they are now, and give them a toy study."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).is_file() and not name.startswith(LEFT_OUT):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, target)
    keep = "metrics/blocks/README.md"  # keeps a folder that stages depend on
    (root / keep).parent.mkdir(parents=True)
    shutil.copyfile(REPOSITORY / keep, root / keep)
    toys.change(root / "params.yaml", toys.SETTINGS)
    toys.write_model(root / "toys/model")
    toys.write_csv(root / "toys/sentences.csv", toys.sentences())
    study = Study(root, fresh)
    study.call("git", "init", "--quiet", "--initial-branch", "main")
    study.commit("Sources and toys")
    return study
