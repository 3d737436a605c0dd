"""Stage report: papermill and nbconvert make one page of the records, the same one each time."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from checks import dependencies
from stages import report
from study.entry import command
from study.entry.errors import StudyError
from study.pages.report import contents, show
from study.pages.report.inputs import PATHS, PICTURES
from study.pages.report.page import make_page
from study.settings import whole as settings
from tests.study.pages.report.made import SHAPES, made_page, made_settings, write_made
from tests.study.pages.report.made_machine import machine_files

REPOSITORY = Path(__file__).parents[2]
SHAPE = SHAPES["plain"]
NOTEBOOK = json.loads(report.NOTEBOOK.read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"]]
ELSEWHERE = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x", "language": "R"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Run the stage where the user's own kernel is of no use; return folder and home."""
    folder, home = tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("home")
    for name in ("python3", "lora-rank-study"):
        kernel = home / f".local/share/jupyter/kernels/{name}/kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(ELSEWHERE))
    write_made(folder, SHAPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(home))
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("fonts")))
        patch.setattr(settings, "load", lambda: made_settings(SHAPE))
        before = dict(os.environ)
        report.main()
        assert dict(os.environ) == before
    return folder, home


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_page_holds_what_each_cell_shows_in_order_and_nothing_of_the_run(ran):
    """The same parts, put together without papermill and in another process: dates, durations,
    cell ids and the kernel's state have left no trace."""
    folder, _ = ran
    assert (folder / report.PAGE).read_text(encoding="utf-8") == made_page(SHAPE)


def test_the_page_alone_is_written_and_nothing_in_the_users_home(ran):
    folder, home = ran
    machine = {f"metrics/machine/{name}.json" for name in machine_files(SHAPE.ranks)}
    records = {*PATHS.values(), *PICTURES.values(), *machine}
    assert files_below(folder) - records == {"plots/report.html"}
    kernels = {
        f".local/share/jupyter/kernels/{n}/kernel.json" for n in ("python3", "lora-rank-study")
    }
    assert files_below(home) == kernels


def test_settings_and_folder_are_values_in_the_notebook_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    folder = tmp_path / 'it\'s "a" folder'
    folder.mkdir()
    ends = ("", '"', "'", '\\"', "\\'", '"""', "\n", "}", "{folder}")
    code = f"open({str(mark)!r}, 'w')"
    values = {f"key {i}": f"a{end}); {code} #" for i, end in enumerate(ends)}
    cells = [
        {"source": "folder = settings = None", "metadata": {"tags": ["parameters"]}},
        {"source": "import json, pathlib\n"
         "pathlib.Path(folder, 'seen.json').write_text(json.dumps(settings))", "metadata": {}},
    ]  # fmt: skip
    made = {"cell_type": "code", "execution_count": None, "outputs": []}
    notebook = {key: NOTEBOOK[key] for key in ("metadata", "nbformat", "nbformat_minor")}
    notebook["cells"] = [made | {"id": f"cell-{i}"} | cell for i, cell in enumerate(cells)]
    (tmp_path / "tiny.ipynb").write_text(json.dumps(notebook))
    make_page(tmp_path / "tiny.ipynb", folder, {"data": values}, "title")
    assert json.loads((folder / "seen.json").read_text()) == {"data": values}
    assert not mark.exists()


def test_the_page_needs_nothing_else(ran):
    page = (ran[0] / report.PAGE).read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert not re.search(r"<link\b|@import|url\((?!data:)|src=\"(?!data:)", page)
    assert "In [" not in page
    assert "read_study" not in page  # no code


@pytest.mark.parametrize("path", [*PATHS.values(), *PICTURES.values()])
def test_a_missing_file_stops_the_stage_with_its_name(path, tmp_path, monkeypatch, capsys):
    write_made(tmp_path, SHAPE)
    (tmp_path / path).unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "load", lambda: made_settings(SHAPE))
    with pytest.raises(SystemExit):
        command.run(report.main)
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: no such file")
    assert said.count("\n") == 1
    assert not (tmp_path / report.PAGE).exists()


def test_an_error_for_people_in_a_cell_comes_out_as_one(tmp_path):
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": []}
    source = (
        "from study.entry.errors import StudyError\nraise StudyError('data.name: no such file')"
    )
    notebook = tmp_path / "broken.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK | {"cells": [cell | {"source": source}]}))
    with pytest.raises(StudyError, match=r"^data\.name: no such file$"):
        make_page(notebook, tmp_path, {}, "title")


def test_the_notebook_in_git_holds_no_results():
    for cell in NOTEBOOK["cells"]:
        assert cell["cell_type"] == "code"
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_the_notebook_shows_every_part_of_the_page_once_in_order():
    shown = [line for line in CODE if line.startswith("show.")]
    assert shown == [f"show.{name}(study)" for name in ("top", *contents.TITLES)]


def test_the_notebook_imports_nothing_of_the_project_that_the_stage_does_not(tmp_path):
    """DVC's dependencies are read from the stage's imports."""
    cells = tmp_path / "cells.py"
    cells.write_text("\n".join(CODE), encoding="utf-8")
    names = {n for n in dependencies.imports(cells, "cells") if n.startswith("study.")}
    known = dependencies.closure("stages.report", REPOSITORY)
    files = {f"{name.replace('.', '/')}{end}" for name in names for end in (".py", "/__init__.py")}
    found = {path for path in files if (REPOSITORY / path).exists()}
    assert found
    assert found <= known


def test_without_settings_the_notebook_reads_those_of_the_folder(tmp_path):
    write_made(tmp_path, SHAPE)
    params = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    study = show.read_study(tmp_path)
    assert study.settings["model"]["name"] in params
