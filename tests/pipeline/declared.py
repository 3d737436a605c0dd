"""The settings that a stage of a dvc.yaml declares as its `params`, and those that it reads."""

from __future__ import annotations

import json
import subprocess
import sys

from ruamel.yaml import YAML

from study.entry import parser
from study.settings.whole import Settings
from study.studies.drift.settings import DRIFT
from study.studies.instruct.settings.whole import InstructSettings
from study.studies.methods.settings import METHODS
from study.studies.placement.settings import PLACEMENT
from study.studies.stacking.settings import STACKING
from tests.pipeline.study import REPOSITORY, Study

MAIN = "params.yaml"
SETTINGS: dict[str, type] = {
    MAIN: Settings,
    **{section.file: section.kind for section in (METHODS, DRIFT, STACKING, PLACEMENT)},
    "instruct/params.yaml": InstructSettings,
}


def declared(study: Study, stage: str, folder: str = "", name: str = "") -> set[str]:
    """The leaves that a stage of a folder's dvc.yaml declares; a section is all that is in it.

    A key of another file than the one of the folder that the stage works in has that file before
    it, as `-S` would. `name` stands in for ${item.name}, where the stage has a matrix of names.
    """
    pipeline = YAML(typ="safe").load(study.text(f"{folder or '.'}/dvc.yaml"))
    found: set[str] = set()
    for row in pipeline["stages"][stage].get("params", []):
        for file, keys in (row if isinstance(row, dict) else {MAIN: [row]}).items():
            leaves = parser.leaves(SETTINGS[file])
            before = "" if file in (MAIN, "instruct/params.yaml") else f"{file}:"
            for key in [key.replace("${item.name}", name) for key in keys or [""]]:
                covered = [s for s in leaves if not key or s == key or s.startswith(key + ".")]
                assert covered, f"{stage}: {file}: {key} is no setting"
                found |= {before + leaf for leaf in covered}
    return found


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
