"""The gate, on a small DVC repository of its own: it passes where it should, and nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checks import gate

FILES = {
    "dvc.yaml": """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    params: [size]
    outs: [data/prepared]
  train:
    matrix: {rank: "${ranks}"}
    cmd: python train.py ${item.rank}
    deps: [train.py, data/prepared]
    params: [rate]
    outs:
      - metrics/runs/r${item.rank}.json: {cache: false}
      - metrics/machine/r${item.rank}.json: {cache: false}
      - data/adapters/r${item.rank}
  pick:
    cmd: python pick.py
    deps: [pick.py, data/adapters]
    params: [params.yaml: ]
    outs: [data/picked]
  aggregate:
    cmd: python aggregate.py
    deps: [aggregate.py, metrics/runs]
    outs: [{metrics/summary.json: {cache: false}}]
  sufficient_rank:
    cmd: python sufficient_rank.py
    deps: [sufficient_rank.py, metrics/summary.json]
    outs: [{metrics/sufficient.json: {cache: false}}]
  claims:
    cmd: python claims.py
    deps: [claims.py, metrics/sufficient.json]
    outs: [{metrics/claims.json: {cache: false}}]
""",
    "params.yaml": "size: 3\nrate: 0.5\nranks:\n- 1\n- 2\n",
    "prepare.py": """\
import os, yaml
size = yaml.safe_load(open("params.yaml"))["size"]
os.makedirs("data/prepared", exist_ok=True)
open("data/prepared/text", "w").write("x" * size)
""",
    "train.py": """\
import json, os, sys, yaml
rank, rate = int(sys.argv[1]), yaml.safe_load(open("params.yaml"))["rate"]
machine = os.environ.get("MACHINE", "one")
rounding = 0 if machine == "one" else 1e-7
size = len(open("data/prepared/text").read())
os.makedirs(f"data/adapters/r{rank}", exist_ok=True)
open(f"data/adapters/r{rank}/weights", "w").write(machine[0] * rank)
os.makedirs("metrics/runs", exist_ok=True)
json.dump({"score": rank * rate * size + rounding}, open(f"metrics/runs/r{rank}.json", "w"))
os.makedirs("metrics/machine", exist_ok=True)
json.dump({"device": machine}, open(f"metrics/machine/r{rank}.json", "w"))
""",
    "pick.py": """\
import shutil
shutil.copytree("data/adapters/r1", "data/picked")
""",
    "aggregate.py": """\
import json, pathlib
runs = sorted(pathlib.Path("metrics/runs").glob("*.json"))
json.dump({p.stem: json.loads(p.read_text()) for p in runs}, open("metrics/summary.json", "w"))
""",
    "sufficient_rank.py": """\
import json
scores = json.load(open("metrics/summary.json"))
json.dump(min(scores), open("metrics/sufficient.json", "w"))
""",
    "claims.py": """\
import json
json.dump([json.load(open("metrics/sufficient.json"))], open("metrics/claims.json", "w"))
""",
    # A second pipeline, with settings of its own; one of its stages works in the root.
    "more/dvc.yaml": """\
stages:
  learn:
    wdir: ..
    cmd: python more/learn.py
    deps: [more/learn.py, data/prepared]
    params: [more/params.yaml: [rate]]
    outs: [data/more, {more/runs.json: {cache: false}}]
  aggregate:
    cmd: python aggregate.py
    deps: [aggregate.py, runs.json]
    params: [digits]
    outs: [{summary.json: {cache: false}}]
""",
    # It stands on models of the first, as the study's other pipelines do.
    "beside/dvc.yaml": """\
stages:
  beside:
    wdir: ..
    cmd: python beside/beside.py
    deps: [beside/beside.py, data/adapters/r1, metrics/runs/r1.json]
    outs: [{beside/beside.json: {cache: false}}]
""",
    "beside/beside.py": """\
import json
json.dump(json.load(open("metrics/runs/r1.json"))["score"] > 1, open("beside/beside.json", "w"))
""",
    # What takes a clock.
    "timings/dvc.yaml": """\
stages:
  speed:
    wdir: ..
    cmd: python timings/speed.py
    deps: [timings/speed.py, data/adapters/r1]
    outs: [{metrics/machine/speed.json: {cache: false}}]
""",
    "timings/speed.py": """\
import json, os, time
os.makedirs("metrics/machine", exist_ok=True)
json.dump({"seconds": time.perf_counter()}, open("metrics/machine/speed.json", "w"))
""",
    "more/params.yaml": "rate: 0.25\ndigits: 1\n",
    "more/learn.py": """\
import json, os, yaml
rate = yaml.safe_load(open("more/params.yaml"))["rate"]
size = len(open("data/prepared/text").read())
os.makedirs("data/more", exist_ok=True)
open("data/more/weights", "w").write("w" * size)
json.dump({"score": rate * size}, open("more/runs.json", "w"))
""",
    "more/aggregate.py": """\
import json, yaml
digits = yaml.safe_load(open("params.yaml"))["digits"]
json.dump(round(json.load(open("runs.json"))["score"], digits), open("summary.json", "w"))
""",
    "metrics/runs/README.md": "Keeps the folder where there are no runs.\n",
    ".gitignore": "/data/\n",
}


QUICK: list[str] = []  # the folder of a `dvc` that starts quickly (see `tests.pipeline.warm`)


def shell(folder: Path, *commands: str) -> None:
    """Run commands as a user would, with this Python's `dvc`."""
    names = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME")
    addresses = ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL")
    env = os.environ | dict.fromkeys(names, "Test") | dict.fromkeys(addresses, "test@example.org")
    env["PATH"] = os.pathsep.join([*QUICK, str(Path(sys.executable).parent), env["PATH"]])
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, warm_commands: Path) -> Path:
    QUICK[:] = [str(warm_commands)]
    folder = tmp_path_factory.mktemp("gate") / "origin"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shell(folder, "git init -q", "dvc init -q", "dvc repro -q -P")
    shell(folder, "git add -A", "git commit -qm all")
    return folder


@pytest.fixture
def clone(reproduced: Path, tmp_path: Path) -> Path:
    """A fresh clone: no cache, no remote, no data."""
    shell(tmp_path, f"git clone -q {reproduced} clone")
    assert not (tmp_path / "clone/data").exists()
    return tmp_path / "clone"


@pytest.fixture
def checkout(reproduced: Path, tmp_path: Path) -> Path:
    """The place where it was reproduced, cache and data included."""
    return shutil.copytree(reproduced, tmp_path / "checkout")


def test_a_reproduced_checkout_passes(checkout: Path) -> None:
    assert gate.findings(checkout) == []


def test_a_fresh_clone_without_a_cache_passes(clone: Path) -> None:
    assert gate.findings(clone) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("train.py", "rank * rate", "rate * rank", "train.py: modified since train@1, train@2 ran"),
        ("prepare.py", '"x"', '"y"', "prepare.py: modified since prepare ran"),
        ("params.yaml", "0.5", "0.25", "params.yaml: rate is not what pick, train@1, train@2 ran"),
        (
            "params.yaml",
            "size: 3",
            "size: 3\nmore: 1",
            "params.yaml: more is not what pick ran with",
        ),
        ("params.yaml", "- 2", "- 2\n- 4", "train@4: has never run with these settings"),
        ("metrics/summary.json", "1.5", "9.5", "metrics/summary.json: modified since aggregate"),
        ("metrics/runs/r2.json", "3", "4", "metrics/runs/r2.json: modified since train@2"),
        ("dvc.yaml", "cmd: python prepare.py", "cmd: python -B prepare.py", "prepare: changed com"),
        ("dvc.yaml", "[rate]", "[rate, size]", "params.yaml: size is not what train@1, train@2"),
        ("dvc.yaml", "[prepare.py]", "[prepare.py, train.py]", "prepare: train.py stands among"),
        ("params.yaml", "size: 3", "size: 3.0", "params.yaml: size is of another kind than what p"),
        ("params.yaml", "- 1\n", "- true\n", "params.yaml: ranks is of another kind than what pi"),
        ("more/params.yaml", "1", "true", "more/params.yaml: digits is of another kind than what"),
        ("more/learn.py", '"w"', "'w'", "more/learn.py: modified since more/dvc.yaml:learn ran"),
        ("more/params.yaml", "0.25", "0.5", "more/params.yaml: rate is not what more/dvc.yaml:le"),
        ("more/params.yaml", "1", "2", "more/params.yaml: digits is not what more/dvc.yaml:aggre"),
        ("more/summary.json", "0", "9", "more/summary.json: modified since more/dvc.yaml:aggregat"),
        ("more/dvc.yaml", "[digits]", "[digits, rate]", "more/params.yaml: rate is not what more"),
        ("more/dvc.yaml", "python agg", "python -B agg", "more/dvc.yaml:aggregate: changed comma"),
        ("more/dvc.yaml", "  aggregate:", "  total:", "more/dvc.yaml:total: has never run with"),
        ("more/dvc.yaml", "  aggregate:", "  total:", "more/dvc.lock: more/dvc.yaml:aggregate is"),
    ],
)
def test_an_edit_without_repro_fails_in_one_line(
    clone: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(clone / file, lambda text: text.replace(old, new, 1))
    found = [line for line in gate.findings(clone) if line.startswith(said)]
    assert len(found) == 1
    assert "dvc repro" in found[0] or "write it as dvc.lock has it" in found[0]


def test_a_whole_number_in_place_of_one_with_a_fraction_is_the_same_setting(clone: Path) -> None:
    """As `dvc exp run -S rate=1` writes it where 1.0 stood."""
    for file in ("params.yaml", "dvc.lock"):
        edit(clone / file, lambda text: text.replace("0.5", "1.0"))
    edit(clone / "params.yaml", lambda text: text.replace("1.0", "1"))
    assert not any("another kind" in line for line in gate.findings(clone))


def test_a_rank_that_left_the_list_is_found_in_lock_and_folder_and_can_be_pruned(
    checkout: Path,
) -> None:
    edit(checkout / "params.yaml", lambda text: text.replace("- 2\n", ""))
    lines = gate.findings(checkout)
    assert any(line.startswith("dvc.lock: train@2 is declared by no stage") for line in lines)
    assert any(line.startswith("metrics/runs/r2.json: no stage") for line in lines)

    shell(checkout, "git rm -q metrics/runs/r2.json")
    assert gate.prune(checkout) == ["train@2"]
    shell(checkout, "dvc repro -q")
    lines = gate.findings(checkout)
    assert len(lines) == 1
    assert lines[0].startswith("pick: data/adapters held other files than stages write there")

    shell(checkout, "rm -r data/adapters/r2", "dvc repro -q")
    assert gate.findings(checkout) == []


def test_data_prepared_anew_but_not_trained_on_fails_without_the_data(
    checkout: Path, tmp_path: Path
) -> None:
    """What `dvc status` cannot see in a clone: the lock's hashes from stage to stage."""
    edit(checkout / "prepare.py", lambda text: text.replace('"x"', '"y"'))
    shell(
        checkout, "dvc repro -q prepare", "git commit -qam prepared", f"git clone -q . {tmp_path}/2"
    )
    lines = gate.findings(tmp_path / "2")
    assert any(
        line.startswith("train@1: read another data/prepared than prepare wrote") for line in lines
    )
    assert any(line.startswith("more/dvc.yaml:learn: read another data/prepared") for line in lines)


def test_entries_of_every_lock_file_are_pruned(checkout: Path) -> None:
    edit(checkout / "more/dvc.yaml", lambda text: text.partition("  aggregate:")[0])
    assert gate.prune(checkout) == ["more/dvc.yaml:aggregate"]
    assert gate.findings(checkout) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "stage", "command"),
    [
        ("metrics/summary.json", "1.5", "9.5", "aggregate", "aggregate.py"),
        ("metrics/sufficient.json", "r1", "r2", "sufficient_rank", "sufficient_rank.py"),
        ("metrics/claims.json", "r1", "r2", "claims", "claims.py"),
        ("more/summary.json", "0.8", "0.9", "more/dvc.yaml:aggregate", "aggregate.py"),
    ],
)
def test_results_edited_together_with_their_hash_are_computed_again_and_caught(
    clone: Path, file: str, old: str, new: str, stage: str, command: str
) -> None:
    edit(clone / file, lambda text: text.replace(old, new))
    shell(clone, f"dvc commit -fq {stage}")
    readers = {"aggregate": ["sufficient_rank", "claims"], "sufficient_rank": ["claims"]}
    for reader in readers.get(stage, []):  # so that it alone is wrong
        shell(clone, f"dvc repro -q -s {reader}")
    lines = gate.findings(clone)
    assert len(lines) == 1
    assert lines[0].startswith(f"{file}: `python {command}` computes something")
    pipeline = "dvc repro more/dvc.yaml" if "more" in file else "dvc repro"
    assert f"run `{pipeline}` and commit" in lines[0]


def test_all_that_was_edited_with_its_hash_is_caught_at_once(clone: Path) -> None:
    edit(clone / "metrics/claims.json", lambda text: text.replace("r1", "r2"))
    edit(clone / "more/summary.json", lambda text: "0.5")
    shell(clone, "dvc commit -fq claims more/dvc.yaml:aggregate")
    assert len(gate.findings(clone)) == 2


def test_the_last_digit_of_a_float_is_no_finding(clone: Path) -> None:
    """Another CPU may sum in another order."""
    edit(clone / "metrics/summary.json", lambda text: text.replace("1.5", "1.5000000000000002"))
    shell(clone, "dvc commit -fq aggregate", "dvc repro -q -s sufficient_rank")
    assert gate.findings(clone) == []


def test_a_dependency_that_nobody_delivers_fails(clone: Path) -> None:
    edit(clone / ".gitignore", lambda text: text + "/train.py\n")
    shell(clone, "git rm -q --cached train.py", "rm train.py")
    lines = gate.findings(clone)
    assert any("train.py is neither in git nor any stage's output" in line for line in lines)


def test_what_another_machine_made_again_is_one_note(checkout: Path, tmp_path: Path) -> None:
    shell(checkout, "MACHINE=another dvc repro -q -f")
    lines, notes = gate.examine(checkout)
    assert lines == []
    (note,) = [note for note in notes if "another kind of machine" in note]
    assert note.startswith("note: data/adapters/r1, metrics/runs/r1.json: made again by the same")
    assert "device another instead of one" in note
    assert "`dvc repro beside/dvc.yaml`" in note
    assert "`make back`" in note

    shell(checkout, "git add -A", "git commit -qm other", f"git clone -q . {tmp_path}/2")
    assert gate.examine(tmp_path / "2") == ([], notes)  # timings are stale in both
    shell(tmp_path / "2", "MACHINE=another dvc repro -q --all-pipelines")
    assert gate.examine(tmp_path / "2") == ([], [])


def test_a_clone_without_history_cannot_tell_another_machine(
    checkout: Path, tmp_path: Path
) -> None:
    shell(checkout, "MACHINE=another dvc repro -q -f", "git add -A", "git commit -qm other")
    shell(tmp_path, f"git clone -q --depth 1 file://{checkout} shallow")
    lines = gate.findings(tmp_path / "shallow")
    assert len(lines) == 3  # what DVC sees of the file, and both links
    assert all("beside/dvc.yaml:beside" in line for line in lines)
    assert all("run `dvc repro beside/dvc.yaml` and commit" in line for line in lines)


@pytest.mark.parametrize(
    ("file", "old", "new", "machine"),
    [
        ("params.yaml", "rate: 0.5", "rate: 0.25", "another"),
        ("train.py", "rank * rate * size", "rank * rate * size * 2", "another"),
        ("dvc.yaml", "python train.py", "python -B train.py", "another"),
        ("train.py", '"one" else 1e-7', '"two" else 1e-7', "one"),
    ],
)
def test_another_machine_hides_no_change(
    checkout: Path, file: str, old: str, new: str, machine: str
) -> None:
    edit(checkout / file, lambda text: text.replace(old, new))
    shell(checkout, f"MACHINE={machine} dvc repro -q")
    lines, notes = gate.examine(checkout)
    assert any(line.startswith("metrics/runs/r1.json: modified since beside/") for line in lines)
    assert not any("another kind of machine" in note for note in notes)


@pytest.mark.parametrize("how", ["rm timings/dvc.lock", "echo pass >> timings/speed.py"])
def test_timings_are_a_note_and_no_finding(clone: Path, how: str) -> None:
    shell(clone, how)
    lines, notes = gate.examine(clone)
    assert lines == []
    (note,) = notes
    assert note.startswith("note: timings/dvc.yaml:speed: measured on request; not part of the")
    assert "`dvc repro timings/dvc.yaml`" in note


def test_two_pipelines_are_named_together(clone: Path) -> None:
    edit(clone / "prepare.py", lambda text: text.replace('"x"', '"y"'))
    shell(clone, "dvc repro -q prepare")
    run = "run `dvc repro dvc.yaml more/dvc.yaml` and commit"
    edit(clone / "aggregate.py", lambda text: text + "\n")
    assert sum(run in line for line in gate.findings(clone)) == 1
