"""The workflow on GitHub: every command in it does here what it is there for.

`make check` runs actionlint on the file; here its commands run. What needs GitHub is a stub: `gh`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.checks.making import make
from tests.pipeline.study import Done, Study

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".github/workflows/ci.yml"
WORKFLOW: dict[str, Any] = YAML(typ="safe").load(FILE)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
MATRIX: list[dict[str, str]] = JOBS["make"]["strategy"]["matrix"]["include"]
COMMITTED = {
    "dvc.yaml": "metrics: [metrics/summary.json]\n",
    "metrics/summary.json": '{"lora": {"accuracy": 0.75}, "note": "as before"}\n',
}
STUB = """#!/bin/sh
for word in "$@"; do echo "$word"; done > "$RUNNER_TEMP/said"
cat "$RUNNER_TEMP/comment.md" > "$RUNNER_TEMP/posted"
"""


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """All steps, with the name of their job."""
    return ((name, step) for name, job in JOBS.items() for step in job["steps"])


def command(name: str) -> str:
    """The command of a step with this name in the job `metrics`."""
    (found,) = [step["run"] for step in JOBS["metrics"]["steps"] if step.get("name") == name]
    return str(found)


MAKE = "make ${{ matrix.target }}"
INSTALL = command("Install DVC")
COMPARE = command("Compare with the base branch")
COMMENT = command("Comment, or update the comment")


def test_every_command_is_run_by_a_test_below() -> None:
    assert {s["run"] for _, s in steps() if "run" in s} == {MAKE, INSTALL, COMPARE, COMMENT}


@pytest.mark.parametrize("target", sorted({row["target"] for row in MATRIX}))
def test_make_knows_what_to_do(target: str) -> None:
    """Make resolves the target, without running what it stands for: that takes minutes."""
    done = make(ROOT, "--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert "python" in done.stdout


def test_the_pins_hold_for_dvc() -> None:
    """pip finds that what is installed here answers the command: it has nothing to fetch."""
    env = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_DRY_RUN": "1"}
    done = bash(INSTALL, ROOT, env | {"PATH": path_with(Path(sys.executable).parent)})
    assert "Would install" not in done.output


@pytest.fixture
def merged(tmp_path: Path) -> Study:
    """A repository with metrics: the base branch, and nothing else yet."""
    study = Study(tmp_path / "repository")
    for name, text in COMMITTED.items():
        (study.root / name).parent.mkdir(parents=True, exist_ok=True)
        (study.root / name).write_text(text)
    study.call("git", "init", "--quiet", "--initial-branch", "main")
    study.call("dvc", "init", "--quiet")
    study.commit("Base")
    return study


def pull_request(study: Study, name: str, text: str) -> None:
    """A commit on a branch, merged as GitHub merges it to try it out."""
    study.call("git", "switch", "--quiet", "--create", "idea")
    (study.root / name).write_text(text)
    study.commit("Idea")
    study.call("git", "switch", "--quiet", "main")
    (study.root / "README.md").write_text("Meanwhile on main\n")
    study.commit("Meanwhile")
    study.call("git", "merge", "--quiet", "--no-ff", "--message", "Merge", "idea")


def shallow(study: Study) -> Study:
    """Clone as deep as the job asks for, and open a summary: what the job finds when it starts."""
    (checkout,) = [s for s in JOBS["metrics"]["steps"] if "checkout" in s.get("uses", "")]
    target = study.root.parent / "checkout"
    depth = str(checkout["with"]["fetch-depth"])
    study.call("git", "clone", "--quiet", "--depth", depth, f"file://{study.root}", str(target))
    (study.root.parent / "summary.md").touch()
    return Study(target)


def test_a_pull_request_gets_a_table_of_the_metrics_that_it_changes(merged: Study) -> None:
    pull_request(
        merged, "metrics/summary.json", '{"lora": {"accuracy": 0.8}, "note": "as before"}\n'
    )
    checkout = shallow(merged)

    bash(COMPARE, checkout.root, environment(checkout))

    comment = (checkout.root.parent / "comment.md").read_text()
    title, empty, header, rule, *rows = comment.rstrip().splitlines()
    assert title.startswith("### ")
    assert empty == ""
    assert cells(header) == ["Path", "Metric", "HEAD^", "workspace", "Change"]
    assert set(cells(rule)) == {"---"}
    assert [cells(row) for row in rows] == [
        ["metrics/summary.json", "lora.accuracy", "0.75", "0.8", "0.05"]
    ]
    assert (checkout.root.parent / "summary.md").read_text() == comment


def test_a_pull_request_that_changes_no_metric_says_so(merged: Study) -> None:
    pull_request(merged, "NOTES.md", "An idea\n")
    checkout = shallow(merged)

    bash(COMPARE, checkout.root, environment(checkout))

    comment = (checkout.root.parent / "comment.md").read_text()
    assert comment.splitlines()[2:] == ["No metric changed."]


@pytest.mark.parametrize(("length", "cut"), [(65536, False), (65537, True)])
def test_one_comment_is_updated_and_never_too_long(tmp_path: Path, length: int, cut: bool) -> None:
    comment, stub = tmp_path / "comment.md", tmp_path / "gh"
    comment.write_text("×" * length, encoding="utf-8")  # GitHub counts characters, not bytes
    stub.write_text(STUB)
    stub.chmod(0o755)
    env = environment(Study(tmp_path / "none")) | {"PATH": path_with(tmp_path), "NUMBER": "12"}

    bash(COMMENT, tmp_path, env)

    words = (tmp_path / "said").read_text().split()
    assert words[:3] == ["pr", "comment", "12"]
    assert {"--edit-last", "--create-if-none"} < set(words)
    assert words[-2:] == ["--body-file", str(comment)]
    posted = (tmp_path / "posted").read_text(encoding="utf-8")
    assert ("the run's summary" in posted) == cut
    assert (posted == "×" * length) != cut


def test_the_workflow_asks_for_no_more_than_it_needs() -> None:
    """Actions by commit; a token that writes only comments, and none in the hands of a fork."""
    for _, step in steps():
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
    assert set(WORKFLOW["on"]) == {"push", "pull_request"}
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["metrics"]
    assert JOBS["metrics"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    holders = [step for _, step in steps() if "GH_TOKEN" in step.get("env", {})]
    assert [step["run"] for step in holders] == [COMMENT]
    assert "head.repo.full_name == github.repository" in holders[0]["if"]


def bash(script: str, folder: Path, env: dict[str, str]) -> Done:
    """Run a step as GitHub does where `shell: bash` is set."""
    assert WORKFLOW["defaults"]["run"]["shell"] == "bash"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Done(done.stdout + done.stderr, done.returncode)


def environment(study: Study) -> dict[str, str]:
    """What GitHub sets, beside what keeps DVC and git inside the test's folder."""
    temp = str(study.root.parent)
    return study.environment() | {
        "RUNNER_TEMP": temp,
        "GITHUB_STEP_SUMMARY": f"{temp}/summary.md",
        "LC_ALL": "C.UTF-8",
    }


def path_with(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def cells(row: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    assert row.startswith("| ") or row.startswith("|-"), row
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
