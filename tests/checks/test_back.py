"""The way back, on a small DVC repository of its own: what comes back, and what is left alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from checks.back import back
from checks.restore import restore
from tests.checks.test_gate import QUICK, edit, shell

FILES = {
    "dvc.yaml": """\
stages:
  check:
    cmd: python check.py
    deps: [check.py]
    params: [rank]
    outs: [{metrics/checked.json: {cache: false}}]
  train:
    matrix: {rank: "${ranks}"}
    cmd: python train.py ${item.rank}
    deps: [train.py, metrics/checked.json]
    outs:
      - metrics/runs/r${item.rank}.json: {cache: false}
      - data/adapters/r${item.rank}
  compare:
    cmd: python compare.py
    deps: [compare.py, data/adapters, metrics/runs]
    outs: [data/compared, {metrics/summary.json: {cache: false}}]
""",
    "params.yaml": "rank: 1\nranks:\n- 1\n- 2\n",
    "check.py": """\
import os, yaml
os.makedirs("metrics", exist_ok=True)
assert yaml.safe_load(open("params.yaml"))["rank"] > 0
open("metrics/checked.json", "w").write("{}")
""",
    "train.py": """\
import os, sys
os.makedirs(f"data/adapters/r{sys.argv[1]}", exist_ok=True)
os.makedirs("metrics/runs", exist_ok=True)
open(f"data/adapters/r{sys.argv[1]}/weights", "w").write(sys.argv[1])
open(f"metrics/runs/r{sys.argv[1]}.json", "w").write(sys.argv[1])
""",
    "compare.py": """\
import os
os.makedirs("data/compared", exist_ok=True)
found = " ".join(sorted(os.listdir("data/adapters")))
open("data/compared/all", "w").write(found)
open("metrics/summary.json", "w").write(found)
""",
    # Stages by name, each with a folder of its own.
    "beside/dvc.yaml": """\
vars: [../params.yaml]
stages:
  learn:
    matrix: {name: [dora, bitfit]}
    wdir: ..
    cmd: python beside/learn.py ${item.name}
    deps: [beside/learn.py]
    outs:
      - beside/runs/${item.name}/run.json: {cache: false}
      - data/beside/${item.name}
""",
    "beside/learn.py": """\
import os, sys
for folder in (f"beside/runs/{sys.argv[1]}", f"data/beside/{sys.argv[1]}"):
    os.makedirs(folder, exist_ok=True)
    open(f"{folder}/run.json", "w").write(sys.argv[1])
""",
    ".gitignore": "/data/\n",
}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, warm_commands: Path) -> Path:
    QUICK[:] = [str(warm_commands)]
    folder = tmp_path_factory.mktemp("back") / "origin"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    shell(folder, "git init -q", "dvc init -q", "dvc repro -q -P")
    shell(folder, "git add -A", "git commit -qm all")
    return folder


@pytest.fixture
def study(reproduced: Path, tmp_path: Path) -> Path:
    return shutil.copytree(reproduced, tmp_path / "study")


def last(folder: Path) -> str:
    return back(folder).lines()[-1]


def test_nothing_to_bring_back(study: Path) -> None:
    (line,) = back(study).lines()
    assert line.startswith("back at ")
    assert line.endswith("settings and results are those of HEAD; nothing to run")


def test_a_text_of_the_same_length_and_time_comes_back(study: Path) -> None:
    """Git sees no change where seconds and size are those that it noted."""
    path = study / "params.yaml"
    shell(study, "git status")
    noted = path.stat()
    with path.open("r+") as stream:  # the same file: git looks at its number too
        stream.write("rank: 0")
    os.utime(path, ns=(noted.st_atime_ns, noted.st_mtime_ns))
    shell(study, "git -c core.trustctime=false checkout -q .")
    assert path.read_text().startswith("rank: 0")
    assert restore(study, ["params.yaml"]) == ["params.yaml"]
    assert path.read_text() == FILES["params.yaml"]


def test_results_and_data_come_back(study: Path) -> None:
    edit(study / "metrics/summary.json", lambda text: "none")
    (study / "metrics/checked.json").unlink()
    shutil.rmtree(study / "data/adapters/r1")
    (study / "data/adapters/r2/weights").write_text("half a model")
    shell(study, "git add metrics")
    done = back(study)
    assert done.restored == ["metrics/checked.json", "metrics/summary.json"]
    assert len(done.checked_out) == 2
    assert (done.stale, done.not_here, done.left_alone) == ([], [], [])
    assert (study / "data/adapters/r1/weights").read_text() == "1"
    assert (study / "data/adapters/r2/weights").read_text() == "2"
    shell(study, "git diff --quiet HEAD", 'test -z "$(git status --porcelain)"')


def test_what_another_rank_left_goes_and_a_users_files_stay(study: Path) -> None:
    shell(study, "dvc exp run -q -S 'ranks=[1,2,4]'")
    assert (study / "data/adapters/r4").is_dir()
    shell(study, "git add metrics")
    (study / "data/adapters/r64").mkdir()  # of a stage that was killed: in no dvc.lock
    (study / "data/adapters/readme").write_text("my own")
    (study / "metrics/notes.json").write_text("my own")
    edit(study / "train.py", lambda text: text + "# my own\n")
    done = back(study)
    assert done.removed == ["data/adapters/r4", "data/adapters/r64", "metrics/runs/r4.json"]
    assert done.left_alone == ["train.py"]
    assert "left alone, though not as committed: train.py" in done.lines()
    assert done.stale == ["compare", "train@1", "train@2"]  # the edit, and a file beside the models
    assert done.lines()[-1].endswith("`dvc repro` would run compare, train@1, train@2")
    assert (study / "data/adapters/readme").is_file()
    assert (study / "metrics/notes.json").is_file()

    (study / "data/adapters/readme").unlink()
    shell(study, "git checkout -q .")
    assert last(study).endswith("nothing to run")


def test_names_are_strays_where_a_lock_names_them(study: Path) -> None:
    edit(study / "beside/dvc.yaml", lambda text: text.replace("bitfit]", "bitfit, ia3]"))
    shell(study, "dvc repro -q beside/dvc.yaml", "git checkout -q beside/dvc.yaml")
    (study / "beside/runs/mine").mkdir()
    (study / "beside/runs/mine/run.json").write_text("my own")
    done = back(study)
    assert done.removed == ["beside/runs/ia3/run.json", "data/beside/ia3"]
    assert not (study / "beside/runs/ia3").exists()
    assert (study / "beside/runs/mine/run.json").is_file()


def test_settings_that_dvc_cannot_read_come_back(study: Path) -> None:
    edit(study / "params.yaml", lambda text: text.replace("ranks:\n- 1\n- 2", "ranks: 4"))
    assert back(study).restored == ["params.yaml"]


def test_a_clone_in_which_nothing_ran_says_so(study: Path, tmp_path: Path) -> None:
    shell(tmp_path, f"git clone -q {study} clone")
    edit(tmp_path / "clone/params.yaml", lambda text: text.replace("rank: 1", "rank: 3"))
    restored, state = back(tmp_path / "clone").lines()
    assert restored == "restored: params.yaml"
    assert "; not run here to the end: beside/dvc.yaml, dvc.yaml" in state


def test_outside_a_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not a git repository"):
        back(tmp_path)
