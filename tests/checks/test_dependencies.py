"""`checks.dependencies`: what a stage imports lies in the rooms that dvc.yaml names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checks import dependencies

SOURCES = {
    "stages/__init__.py": "",
    "stages/train.py": "from study.training import loop\nimport json\n",
    "stages/plot.py": "def main():\n    from study.pages.figures.bars import draw\n",
    "study/__init__.py": "",
    "study/training/__init__.py": "",
    "study/training/loop.py": "import lora.layer as layer\nfrom ..records import runs\n",
    "study/records/__init__.py": "",
    "study/records/runs.py": "import typing\nif typing.TYPE_CHECKING:\n    import study.bulk\n",
    "study/bulk.py": "",
    "study/pages/__init__.py": "",
    "study/pages/figures/__init__.py": "",
    "study/pages/figures/bars.py": "from ...records.runs import Run\nfrom . import colours\n",
    "study/pages/figures/colours.py": "import study.pages.figures.bars\n",
    "lora/__init__.py": "",
    "lora/layer.py": "import torch\n",
}
PIPELINE = """\
stages:
  train:
    matrix: {rank: [1, 2]}
    cmd: python -m stages.train --rank ${item.rank}
    deps: [ROOMS]
"""
MORE = """\
stages:
  plot:
    wdir: ..
    cmd: python -m stages.plot
    deps: [stages/plot.py, study/pages/figures, study/records, data]
  train:
    cmd: PYTHONPATH=.. python -m stages.train
    deps: [../stages/train.py, ../study/training, ../study/records, ../lora, data]
  tool:
    cmd: python other.py
    deps: [other.py]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def with_rooms(project: Path, *rooms: str) -> list[str]:
    """The differences of a stage that names these."""
    (project / "dvc.yaml").write_text(PIPELINE.replace("ROOMS", ", ".join(rooms)))
    return dependencies.differences(project)


def test_closure_follows_imports_and_packages(project: Path) -> None:
    assert dependencies.closure("stages.train", project) == {
        "stages/__init__.py",
        "stages/train.py",
        "study/__init__.py",
        "study/training/__init__.py",
        "study/training/loop.py",
        "study/records/__init__.py",
        "study/records/runs.py",
        "lora/__init__.py",
        "lora/layer.py",
    }


def test_closure_sees_relative_imports_inside_functions_and_survives_cycles(project: Path) -> None:
    found = dependencies.closure("stages.plot", project)
    assert {path for path in found if not path.endswith("__init__.py")} == {
        "stages/plot.py",
        "study/pages/figures/bars.py",
        "study/pages/figures/colours.py",
        "study/records/runs.py",
    }


def test_nothing_is_said_where_the_rooms_are_those_that_are_used(project: Path) -> None:
    rooms = ("stages/train.py", "study/training", "study/records", "lora", "data/prepared")
    assert with_rooms(project, *rooms) == []
    assert with_rooms(project, *rooms[:2], "study/records/runs.py", *rooms[3:]) == []


def test_a_room_that_is_missing_is_named_by_the_file_that_is_imported_from_it(
    project: Path,
) -> None:
    lines = with_rooms(project, "stages/train.py", "study/training", "study/records")
    assert lines == ["dvc.yaml: train: imports lora/layer.py, of no room among its deps"]


def test_a_room_that_is_named_in_vain_is_told(project: Path) -> None:
    rooms = ("stages/train.py", "study/training", "study/records", "lora", "study/pages/figures")
    (line,) = with_rooms(project, *rooms)
    assert line.startswith("dvc.yaml: train: study/pages/figures is among its deps, but nothing")
    # half a name is another room
    rooms = ("stages/train.py", "study/train", "study/training", "study/records", "lora")
    assert "study/train is among its deps" in with_rooms(project, *rooms)[0]


def test_what_is_imported_for_its_types_alone_needs_no_room(project: Path) -> None:
    rooms = ("stages/train.py", "study/training", "study/records", "lora", "study/bulk.py")
    assert "study/bulk.py is among its deps" in with_rooms(project, *rooms)[0]


def test_every_pipeline_is_compared_as_its_stages_see_the_files(project: Path) -> None:
    more = project / "more/dvc.yaml"
    more.parent.mkdir()
    more.write_text(MORE)
    rooms = ("stages/train.py", "study/training", "study/records", "lora")
    assert with_rooms(project, *rooms) == []
    more.write_text(MORE.replace("../lora, ", ""))
    assert with_rooms(project, *rooms) == [
        "more/dvc.yaml: train: imports lora/layer.py, of no room among its deps"
    ]
