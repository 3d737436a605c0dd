"""Which stages DVC will run: told of settings that nobody has saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dvc.repo import Repo

from forecast.pipeline import Node, Run, nodes, runs
from study.entry.errors import StudyError

PIPELINE = """
stages:
  check:
    cmd: echo fine > checked
    params: [params.yaml: ]
    outs: [checked: {cache: false}]
  train:
    matrix: {rank: "${ranks}"}
    cmd: "echo '{rate: 1}' > run-${item.rank}.yaml"
    deps: [checked]
    params: [seeds]
    outs: ["run-${item.rank}.yaml": {cache: false}]
  page:
    cmd: echo page > page
    deps: [run-1.yaml]
    params: [colour]
    outs: [page: {cache: false}]
"""
SETTINGS = "ranks: [1]\nseeds: [0]\ncolour: red\n"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that has run."""
    root = tmp_path_factory.mktemp("repository")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_SITE_CACHE_DIR", str(root.parent / "site"))
        with Repo.init(str(root), no_scm=True) as repo:
            repo.reproduce()
        yield root


def told(study: Path, text: str, same: tuple[str, ...] = ("check",)) -> dict[str, Run]:
    return runs(nodes(text, study), same)


def test_nothing_runs_twice(study: Path) -> None:
    assert set(told(study, SETTINGS).values()) == {Run.NO}


@pytest.mark.parametrize(
    ("change", "run"),
    [
        (("seeds: [0]", "seeds: [0, 1]"), {"check", "train@1", "page"}),
        (("colour: red", "colour: blue"), {"check", "page"}),
        (("ranks: [1]", "ranks: [1, 8]"), {"check", "train@8"}),
    ],
)
def test_what_dvc_runs_is_what_was_told(
    study: Path, change: tuple[str, str], run: set[str]
) -> None:
    text = SETTINGS.replace(*change)
    found = told(study, text)
    assert (study / "params.yaml").read_text() == SETTINGS
    assert {name for name, will in found.items() if will is not Run.NO} == run
    (study / "params.yaml").write_text(text)
    try:
        with Repo(str(study)) as repo:
            ran = {stage.name for stage in repo.reproduce()}
    finally:
        (study / "params.yaml").write_text(SETTINGS)
        with Repo(str(study)) as repo:
            repo.reproduce()
    # The toy's stages write the same bytes whatever the settings, so that nothing follows them.
    assert ran <= run
    assert run - ran <= {"page"}


def test_what_is_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="dvc status: "):
        nodes(SETTINGS, tmp_path)


CHAIN = (
    Node("check", False, ("params.yaml",), ("checked.json",)),
    Node("prepare", False, ("checked.json",), ("data/prepared",)),
    Node("full", True, ("data/prepared",), ("data/full", "runs/full.json")),
    Node("block", False, ("data/prepared", "runs/full.json"), ("blocks/b1",), ("runs/full.json",)),
    Node("aggregate", False, ("runs",), ("summary.json",)),
    Node("other", False, ("blocks",), ("other.json",)),
)


def test_what_follows_runs_and_what_reads_one_value_may() -> None:
    found = runs(CHAIN)
    assert found == {
        "check": Run.NO,
        "prepare": Run.NO,
        "full": Run.YES,
        "block": Run.MAYBE,  # reads the picked rate alone
        "aggregate": Run.YES,  # reads a folder that the output stands in
        "other": Run.MAYBE,
    }
    assert json.dumps([will.value for will in found.values()])


def test_a_stage_whose_outputs_stay_is_followed_by_nothing() -> None:
    chain = [Node("check", True, ("params.yaml",), ("checked.json",)), *CHAIN[1:2]]
    assert runs(chain)["prepare"] is Run.YES
    assert runs(chain, ["check"]) == {"check": Run.YES, "prepare": Run.NO}
