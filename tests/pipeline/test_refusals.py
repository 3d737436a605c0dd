"""What a new user runs into, through real DVC: sizes, rows by -S, untracked files, the way back."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.pipeline import toys
from tests.pipeline.study import Done, Study, create

BACK = "params.yaml is not as committed; to undo that: make back"


@pytest.fixture(scope="module")
def _sources(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has not run; its default rows are picked by a mapping, as in the repository."""
    study = create(tmp_path_factory.mktemp("refusals") / "study")
    rows = [
        row | {"lang": ("en", "de", "fr")[i % 3], "half": i % 2}
        for i, row in enumerate(toys.sentences())
    ]
    toys.write_csv(study.root / "toys/sentences.csv", rows)
    sizes = {"data.train_size": 12, "data.validation_size": 8, "data.test_size": 8}
    toys.change(study.root / "params.yaml", {"data.where": {"lang": "fr"}, **sizes})
    study.commit("Rows by language")
    return study


@pytest.fixture
def study(_sources: Study, tmp_path: Path) -> Study:
    return _sources.copy(tmp_path / "study")


def prepare(study: Study, *options: str, status: int | None = 0) -> Done:
    return study.call("dvc", "exp", "run", "prepare", *options, status=status)


def rows_read(study: Study) -> int:
    return int(json.loads(study.text("metrics/data.json"))["sources"]["main"]["rows"])


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        (['data.where="lang=en"'], 80),
        (["data.where=null", 'data.where=["lang=de","half=1"]'], 40),  # over no mapping
    ],
)
def test_other_rows_are_picked_in_place_of_a_mapping(
    settings: list[str], number: int, study: Study
) -> None:
    """In hydra's quotes, inside of the shell's: without them it takes no second `=`."""
    done = prepare(study, *(word for setting in settings for word in ("-S", setting)))
    assert done.ran == ["check", "prepare"]
    assert rows_read(study) == number


def test_sizes_that_do_not_fit_are_one_failure_whose_command_runs(study: Study) -> None:
    sizes = ("train_size=3000", "validation_size=1000", "test_size=3000")
    options = [word for size in sizes for word in ("-S", f"data.{size}")]
    failed = prepare(study, *options, status=None)
    assert failed.status != 0
    assert failed.output.count("error: ") == 1
    assert BACK in failed.output.splitlines()
    (command,) = re.findall(r"^  dvc exp run .*$", failed.output, re.MULTILINE)
    words = shlex.split(command)
    done = prepare(study, *words[3:])
    assert done.ran == ["check", "prepare"]
    splits = json.loads(study.text("metrics/data.json"))["splits"]
    for name, split in splits.items():
        assert f"data.{name}_size={split['sentences']}" in words
    assert sum(split["sentences"] for split in splits.values()) > 70  # of 80


def test_a_file_that_git_does_not_know_is_told_where_it_is_missed(study: Study) -> None:
    """In an experiment beside the workspace; here it is no question of the workspace's settings."""
    mine = study.root / "mine"
    toys.write_csv(mine / "reviews.csv", toys.sentences(1))
    chosen = ("-S", "data.name=mine/reviews.csv", "-S", "data.where=null")
    failed = prepare(study, "--temp", *chosen, status=None)
    assert failed.status != 0
    assert "data.name: 'mine/reviews.csv' is not in this experiment" in failed.output
    assert "`git add mine/reviews.csv` first" in failed.output
    assert BACK not in failed.output
    study.call("git", "add", "mine/reviews.csv")
    assert prepare(study, "--temp", *chosen).ran == ["check", "prepare"]


def test_a_refused_setting_is_told_with_the_way_back_until_it_is_gone(study: Study) -> None:
    failed = prepare(study, "-S", "lora.rank=0", status=None)
    assert failed.ran == ["check"]
    assert "lora.rank: 0; allowed" in failed.output
    assert BACK in failed.output.splitlines()
    again = prepare(study, "-S", "train.epochs=3", status=None)
    assert "lora.rank: 0; allowed" in again.output  # it is still there
    assert BACK in again.output.splitlines()
    (study.root / "params.yaml").write_text(study.call("git", "show", "HEAD:params.yaml").output)
    assert prepare(study, "-S", "train.epochs=3").status == 0
