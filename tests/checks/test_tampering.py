"""Stale numbers: whatever is changed behind DVC's back, the gate says so.

Beside the edits that `test_gate.py` makes of code, settings, results and dvc.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from checks import gate
from tests.checks.test_gate import checkout, clone, edit, reproduced, shell

__all__ = ["checkout", "clone", "reproduced"]  # fixtures


def lock(change: Callable[[dict[str, Any]], object], file: str = "dvc.lock") -> Callable[..., None]:
    """Change the entries of a dvc.lock."""

    def tamper(root: Path) -> None:
        yaml = YAML()
        parsed = yaml.load((root / file).read_text())
        change(parsed["stages"])
        with (root / file).open("w") as stream:
            yaml.dump(parsed, stream)

    return tamper


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(root / file, lambda text: text.replace(old, new, 1))


def run(*commands: str) -> Callable[[Path], None]:
    return lambda root: shell(root, *commands)


def row(entry: dict[str, Any], kind: str, path: str) -> dict[str, Any]:
    (found,) = [row for row in entry[kind] if row["path"] == path]
    return found


TAMPERINGS: dict[str, Callable[[Path], None]] = {
    "an entry of dvc.lock removed": lock(lambda stages: stages.pop("claims")),
    "dvc.lock removed": run("git rm -q dvc.lock"),
    "an entry left over": lock(lambda stages: stages.update(old=stages["claims"])),
    "an entry under another name": lock(
        lambda stages: stages.update({"train@9": stages.pop("train@2")})
    ),
    "an entry copied from another stage": lock(
        lambda stages: stages.update({"train@2": stages["train@1"]})
    ),
    "a command changed in dvc.lock": lock(
        lambda stages: stages["claims"].update(cmd="python other.py")
    ),
    "a setting changed in dvc.lock": lock(
        lambda stages: stages["prepare"]["params"]["params.yaml"].update(size=4)
    ),
    "a setting removed from dvc.lock": lock(lambda stages: stages["prepare"].pop("params")),
    "a hash of code changed in dvc.lock": lock(
        lambda stages: row(stages["claims"], "deps", "claims.py").update(md5="0" * 32)
    ),
    "a hash of data changed in dvc.lock": lock(
        lambda stages: row(stages["prepare"], "outs", "data/prepared").update(md5="0" * 32 + ".dir")
    ),
    "a number of files changed in dvc.lock": lock(
        lambda stages: row(stages["pick"], "deps", "data/adapters").update(nfiles=9)
    ),
    "an output removed from dvc.lock": lock(
        lambda stages: stages["train@1"]["outs"].remove(
            row(stages["train@1"], "outs", "metrics/runs/r1.json")
        )
    ),
    "code renamed": run("git mv train.py trained.py"),
    "code removed": run("git rm -q claims.py"),
    "a metric renamed": run("git mv metrics/claims.json metrics/claimed.json"),
    "a metric removed": run("git rm -q metrics/summary.json"),
    "a metric copied from another": run("cp metrics/runs/r1.json metrics/runs/r2.json"),
    "a file added to a folder of results": run(
        "cp metrics/runs/r1.json metrics/runs/r3.json", "git add metrics/runs/r3.json"
    ),
    "settings removed": run("git rm -q more/params.yaml"),
    "a stage removed": lambda root: edit(
        root / "dvc.yaml", lambda text: text.partition("  claims:")[0]
    ),
    "an output more in dvc.yaml": replaced(
        "dvc.yaml", "outs: [data/picked]", "outs: [data/picked, {extra: {cache: false}}]"
    ),
    "an output less in dvc.yaml": replaced(
        "dvc.yaml", "      - metrics/machine/r${item.rank}.json: {cache: false}\n", ""
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_what_is_changed_behind_dvc_s_back_is_told(what: str, clone: Path) -> None:
    TAMPERINGS[what](clone)
    assert gate.findings(clone)


def test_data_changed_where_it_lies_is_told(checkout: Path) -> None:
    (checkout / "data/prepared/text").unlink()
    (checkout / "data/prepared/text").write_text("other")
    assert any("data/prepared" in line for line in gate.findings(checkout))
