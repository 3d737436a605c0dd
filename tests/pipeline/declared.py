"""The settings that a stage of a dvc.yaml declares as its `params`, and those that it reads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ruamel.yaml import YAML

from study import parsing
from study.settings import Settings
from tests.pipeline.study import REPOSITORY, Study


def declared(
    study: Study, stage: str, folder: str = "", settings: type = Settings, name: str = ""
) -> set[str]:
    """The leaves that a stage of a folder's dvc.yaml declares; a section is all that is in it.

    `name` stands in for ${item.name}, where the stage has a matrix of names.
    """
    pipeline = YAML(typ="safe").load(study.text(f"{folder or '.'}/dvc.yaml"))
    keys = [key.replace("${item.name}", name) for key in _keys(pipeline["stages"][stage])]
    leaves = parsing.leaves(settings)
    covered = {key: {s for s in leaves if s == key or s.startswith(key + ".")} for key in keys}
    for key, found in covered.items():
        assert found, f"{stage}: {key} is no setting"
    return set().union(*covered.values())


def _keys(stage: dict[str, Any]) -> list[str]:
    """The keys under `params`, whether the file that they are of is named or not."""
    rows = [row if isinstance(row, dict) else {"": [row]} for row in stage.get("params", [])]
    return [key for row in rows for keys in row.values() for key in keys]


def read(
    study: Study,
    commands: list[list[str]],
    without: tuple[str, ...] = (),
    folder: str = "",
) -> list[set[str]]:
    """Run stages in a folder of the study; return what each command read.

    `without` names packages that are hidden, as if they were not installed: from a Python that has
    imported nothing yet.
    """
    script = [sys.executable if without else "python", "-m", "tests.pipeline.settings_read"]
    done = subprocess.run(
        [*script, json.dumps(commands), json.dumps(without)],
        cwd=study.root / folder,
        env=study.environment() | {"PYTHONPATH": f"{study.root}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [set(keys) for keys in json.loads(done.stdout)]
