"""Stage plot: every figure twice, and the same rows for `dvc plots`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stages import aggregate, plot
from study.entry import command
from study.pages.figures.catalogue import FIGURES
from study.records.json_file import write_json
from tests.study.fake_records import with_study, write_study
from tests.study.fake_theory import toy_settings, toy_theory
from tests.study.pages.report.made import SHAPES, made_records

REPOSITORY = Path(__file__).parents[2]
KINDS = ("png", "svg")
ROWS = {  # the figures that `dvc plots` draws from rows, and the file of each
    "accuracy_vs_rank": "rank_curve",
    "accuracy_vs_parameters": "pareto",
    "training_dynamics": "dynamics",
    "theory_bound": "theory_bound",
    "theory_scalings": "theory_scalings",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which aggregate and plot ran on made-up records."""
    folder = tmp_path_factory.mktemp("study")
    chosen = with_study(toy_settings(), seeds=(0, 1), ranks=(1, 4), rank=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["stage"])
        patch.setattr(aggregate, "load", lambda *_: chosen)
        write_study(Path("metrics"), chosen, num_sentences=60)
        for name, record in zip(("theory_bound", "theory"), toy_theory(), strict=True):
            write_json(f"metrics/{name}.json", record)
        made = made_records(SHAPES["plain"])
        for name in plot.PATHS.keys() - {"summary", "theory_bound", "theory", *ROWS.values()}:
            write_json(plot.PATHS[name], made[name])
        aggregate.main()
        plot.main()
    return folder


def test_every_figure_is_there_as_png_and_svg(study):
    for name in FIGURES:
        assert (study / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (study / f"plots/{name}.svg").read_bytes()


def test_nothing_else_is_written(study):
    written = {path.name for path in (study / "plots").iterdir()}
    pictures = {f"{name}.{kind}" for name in FIGURES for kind in KINDS}
    assert written == pictures | {f"{rows}.json" for rows in ROWS.values()}


def test_a_missing_input_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        command.run(plot.main)
    assert "metrics/summary.json: no such file" in capsys.readouterr().err


def template_fields(value: object) -> Iterator[str]:
    """Yield the names of data fields that a Vega template reads or makes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("field", "as", "groupby", "flatten"):
                yield from [inner] if isinstance(inner, str) else inner
            yield from template_fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from template_fields(inner)


def made_fields(value: object) -> set[str]:
    """Return the names of fields that a template's transforms make."""
    if isinstance(value, dict):
        made = value.get("as", [])
        own = {made} if isinstance(made, str) else set(made)
        return own.union(*(made_fields(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(made_fields(inner) for inner in value))
    return set()


@pytest.mark.parametrize("name", ROWS)
def test_a_dvc_template_reads_only_fields_that_the_rows_have(study, name):
    template = json.loads((REPOSITORY / f".dvc/plots/{name}.json").read_text(encoding="utf-8"))
    row = json.loads((study / f"plots/{ROWS[name]}.json").read_text())[0]
    known = {*row, "rev", "<DVC_METRIC_X>", "<DVC_METRIC_Y>"} | made_fields(template)
    assert set(template_fields(template)) <= known
    assert {"low", "high"} <= set(template_fields(template))  # intervals are drawn


def test_dvcs_plots_read_columns_that_no_metric_renames():
    """Rows have a score under its metric's name too, by which a plot would be empty for others."""
    graph = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))
    plots = {
        name: plot for row in graph["plots"] if isinstance(row, dict) for name, plot in row.items()
    }
    assert set(plots) == set(ROWS)
    for name, drawn in plots.items():
        (column,) = drawn["y"].values()
        assert column in ("score", "value")
        template = (REPOSITORY / f".dvc/plots/{name}.json").read_text(encoding="utf-8")
        for words in (json.dumps(drawn), template):
            assert not re.search(r'"(?!accuracy_vs_)[^"]*accurac[^"]*"', words)


def test_dvc_shows_all_of_them(study, tmp_path, warm_commands):
    """Ask the real DVC, with the graph's own list of plots, in a folder without a cache."""
    folder = tmp_path / "repository"
    shutil.copytree(study, folder)
    shutil.copytree(REPOSITORY / ".dvc/plots", folder / ".dvc/plots")
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    graph = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": graph["plots"]}))
    done = subprocess.run(
        [warm_commands / "dvc", "plots", "show", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    shown = json.loads(done.stdout)
    assert not shown.get("errors")
    assert set(ROWS) <= set(shown["data"])
    pictures = {f"plots/{name}.png" for name in FIGURES}
    assert pictures <= {Path(name).as_posix() for name in shown["data"]}
    for name in ROWS:
        (drawn,) = shown["data"][name]
        assert drawn["type"] == "vega"
        rows = json.loads((study / f"plots/{ROWS[name]}.json").read_text())
        assert len(drawn["content"]["data"]["values"]) == len(rows)
