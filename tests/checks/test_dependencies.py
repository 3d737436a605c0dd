"""`checks.dependencies`: what a stage imports is what dvc.yaml says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from checks import dependencies

SOURCES = {
    "stages/__init__.py": "",
    "stages/train.py": "from study import training\nimport json\n",
    "stages/plot.py": "def main():\n    from study.pages.figures.bars import draw\n",
    "study/__init__.py": "",
    "study/training/loop.py": "import lora.layer as layer\nfrom .records import write\n",
    "study/records/runs.py": "import typing\nif typing.TYPE_CHECKING:\n    import study.bulk\n",
    "study/bulk.py": "",
    "study/pages/figures/__init__.py": "",
    "study/pages/figures/bars.py": "from ..records import write\nfrom . import colours\n",
    "study/pages/figures/colours.py": "import study.pages.figures.bars\n",
    "lora/__init__.py": "",
    "lora/layer.py": "import torch\n",
}
PIPELINE = """\
stages:
  # why train is as it is
  train:
    cmd: python -m stages.train --rank ${item.rank}
    deps:
      - stages/train.py
      - study/bulk.py
      - data/prepared
"""
MORE = """\
stages:
  plot:
    cmd: python -m stages.plot
    wdir: ..
    deps:
      - stages/plot.py
      - study/bulk.py
  train:
    cmd: PYTHONPATH=.. python -m stages.train
    deps:
      - ../stages/train.py
      - data
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_closure_follows_imports_and_packages(project: Path) -> None:
    assert dependencies.closure("stages.train", project) == {
        "stages/__init__.py",
        "stages/train.py",
        "study/__init__.py",
        "study/training/loop.py",
        "study/records/runs.py",
        "lora/__init__.py",
        "lora/layer.py",
    }


def test_closure_sees_relative_imports_inside_functions_and_survives_cycles(project: Path) -> None:
    assert dependencies.closure("stages.plot", project) == {
        "stages/__init__.py",
        "stages/plot.py",
        "study/__init__.py",
        "study/pages/figures/__init__.py",
        "study/pages/figures/bars.py",
        "study/pages/figures/colours.py",
        "study/records/runs.py",
    }


def test_differences_name_what_is_missing_and_what_is_needless(project: Path) -> None:
    lines = dependencies.differences(project)
    assert "dvc.yaml: train: study/bulk.py is in deps, but not imported" in lines
    assert "dvc.yaml: train: lora/layer.py is imported, but not in deps" in lines


def test_fix_mends_deps_and_keeps_data_and_comments(project: Path) -> None:
    dependencies.differences(project, fix=True)
    assert dependencies.differences(project) == []
    text = (project / "dvc.yaml").read_text()
    assert "# why train is as it is" in text
    assert text.rstrip().endswith("- data/prepared")


def test_every_pipeline_is_compared_and_mended_as_its_stages_see_the_files(project: Path) -> None:
    dependencies.differences(project, fix=True)
    more = project / "more/dvc.yaml"
    more.parent.mkdir()
    more.write_text(MORE)
    lines = dependencies.differences(project, fix=True)
    assert "more/dvc.yaml: plot: study/bulk.py is in deps, but not imported" in lines
    assert "more/dvc.yaml: train: lora/layer.py is imported, but not in deps" in lines
    assert not any(line.startswith("dvc.yaml") for line in lines)
    assert dependencies.differences(project) == []
    stages = YAML(typ="safe").load(more.read_text())["stages"]
    assert "stages/plot.py" in stages["plot"]["deps"]
    assert "study/bulk.py" not in stages["plot"]["deps"]
    assert stages["train"]["deps"][-1] == "data"
    assert "../lora/layer.py" in stages["train"]["deps"]
