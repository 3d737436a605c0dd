"""Which versions of Python the project takes, said alike everywhere and refused in one line."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import ruamel.yaml
from ruamel.yaml import YAML

from tests.checks.making import make

ROOT = Path(__file__).resolve().parents[2]


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    """In pyproject.toml, the workflow, and what the Makefile lets through and says."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)
    allowed = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["project"]["requires-python"])
    assert allowed is not None
    first, beyond = map(int, allowed.groups())
    versions = [f"3.{minor}" for minor in range(first, beyond)]
    makefile = (ROOT / "Makefile").read_text()
    jobs = YAML(typ="safe").load(ROOT / ".github/workflows/ci.yml")["jobs"]
    matrix = jobs["make"]["strategy"]["matrix"]["include"]

    assert sorted(row["python"] for row in matrix if row["target"] == "test") == versions
    assert f"not (3, {first}) <= sys.version_info[:2] <= (3, {beyond - 1})" in makefile
    assert f"Python {versions[0]} to {versions[-1]} is needed" in makefile
    assert f"--python-version {versions[0]} " in makefile
    assert project["tool"]["mypy"]["python_version"] == versions[0]
    assert project["tool"]["ruff"]["target-version"] == f"py3{first}"


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("3.10", "Python 3.11 to 3.13 is needed, and {} is Python 3.10.0."),
        ("3.14", "Python 3.11 to 3.13 is needed, and {} is Python 3.14.0."),
        (None, "Python 3.11 to 3.13 is needed, and {} is not there."),
    ],
)
def test_make_refuses_another_python_in_one_line(
    tmp_path: Path, version: str | None, says: str
) -> None:
    """`python` is this Python, which reports another version of itself."""
    python = tmp_path / "python"
    if version is not None:
        minor = version.split(".")[1]
        python.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}.0" && exit\n'
            f'exec {sys.executable} -c "import sys; sys.version_info = (3, {minor}, 0); $2"\n'
        )
        python.chmod(0o755)
    for name in ("Makefile", "constraints.txt", *(p.name for p in ROOT.glob("requirements*.txt"))):
        shutil.copyfile(ROOT / name, tmp_path / name)

    done = make(tmp_path, "venv", f"PYTHON={python}")

    assert done.returncode != 0
    refusal, of_make = done.stderr.splitlines()
    assert refusal == f"{says.format(python)} Choose one: make PYTHON=python3.12"
    assert of_make.startswith("make: ***")
    assert not (tmp_path / ".venv").exists()


def test_an_existing_venv_of_another_python_is_no_silent_answer(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for path, version in ((".venv/bin/python", "3.11.2"), ("other", "3.12.1")):
        (tmp_path / path).write_text(f'#!/bin/sh\necho "Python {version}"\n')
        (tmp_path / path).chmod(0o755)
    for name in ("constraints.txt", *(p.name for p in ROOT.glob("requirements*.txt"))):
        (tmp_path / name).touch()
    (tmp_path / ".venv/.installed").touch()

    assert make(tmp_path, "venv", f"PYTHON={tmp_path}/.venv/bin/python").returncode == 0
    refused = make(tmp_path, "venv", f"PYTHON={tmp_path}/other")
    assert refused.returncode != 0
    assert ".venv has Python 3.11.2, and" in refused.stderr
    assert "asks for Python 3.12.1: rm -r .venv first" in refused.stderr


def test_dvc_reads_yaml_in_c() -> None:
    """ruamel.yaml 0.19 dropped its C parser: `dvc status` took half as long again."""
    assert ruamel.yaml.__with_libyaml__
    assert YAML(typ="safe").Parser is not ruamel.yaml.parser.Parser
