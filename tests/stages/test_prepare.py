"""Stage prepare: two files and a report, always the same bytes, or one error and nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import prepare
from study.entry import command as cli
from study.records import prepared
from study.records.checked import CHECKED, write_checked
from tests.pipeline import toys
from tests.study.tiny_models import write_bert

ROOT = Path(__file__).parents[2]
OUTPUTS = {"data/prepared/data.safetensors", "data/prepared/prepared.json", "metrics/data.json"}
NOUNS = [f"film{i}" for i in range(40)]


def configure(folder: Path, **changes: Any) -> None:
    """Write the default params.yaml with some of its `data` settings replaced."""
    settings = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["model"]["name"] = "model"
    settings["data"] |= {
        "name": "reviews.csv",
        "where": None,
        "train_size": 40,
        "validation_size": 20,
        "test_size": 20,
        "max_length": 8,
    }
    settings["data"] |= changes
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(settings, stream)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, a tokenizer and 80 sentences, which is where the stage runs."""
    write_bert(tmp_path / "model", " ".join([*NOUNS, "good", "bad", "a"]))
    rows = [f"{mood} {noun},{mood}" for noun in NOUNS for mood in ("good", "bad")]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    configure(tmp_path)
    write_checked(tmp_path / CHECKED, "packed", "fit")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> dict[str, str]:
    """The digest of every output that is there."""
    files = {*folder.glob("data/**/*"), *folder.glob("metrics/**/*")} - {folder / CHECKED}
    digests = {f: hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}
    return {path.relative_to(folder).as_posix(): digest for path, digest in digests.items()}


def run_alone(folder: Path, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the stage as DVC does, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "stages.prepare"]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)


def test_the_same_settings_and_data_give_the_same_bytes_in_every_process(study: Path) -> None:
    digests = []
    for hash_seed in ("1", "2"):
        done = run_alone(study, hash_seed)
        assert done.returncode == 0, done.stderr
        assert "train 40, validation 20, test 20" in done.stdout
        digests.append(written(study))
    assert digests[0] == digests[1]
    note = "data/prepared.sha256"  # of `study.data.leftovers`, which no stage reads
    assert set(digests[0]) == OUTPUTS | {note}
    for name in OUTPUTS:
        assert str(study).encode() not in (study / name).read_bytes()


def test_what_is_written_is_what_is_loaded(study: Path) -> None:
    prepare.main()
    data = prepared.load("data/prepared")
    assert data.label_names == ("bad", "good")
    assert data.model_name == "model"
    report = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))
    for name in prepared.SPLITS:
        assert report["splits"][name]["sentences"] == len(getattr(data, name))


@pytest.mark.parametrize(
    ("asked", "training"),
    [
        ("auto", {"epochs": 90, "steps": 180, "chosen": True}),  # 40 sentences, 32 at a time
        (3, {"epochs": 3, "steps": 6, "chosen": False}),
    ],
)
def test_how_long_training_will_take_is_written_and_told(study, capsys, asked, training) -> None:
    toys.change(study / "params.yaml", {"train.epochs": asked})
    prepare.main()
    report = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))
    assert report["training"] == training
    assert f"are {training['steps']} steps" in capsys.readouterr().out


def test_rows_that_cannot_be_used_are_told(study: Path, capsys) -> None:
    with (study / "reviews.csv").open("a") as stream:
        stream.write("\n,good\na,\n")
    prepare.main()
    told = "left out of reviews.csv: 1 without text, 1 without label (of 82 rows)\n"
    assert told in capsys.readouterr().out


def test_long_texts_that_are_cut_are_told_with_the_setting_that_reads_more(study, capsys) -> None:
    configure(study, max_length=4)
    prepare.main()
    assert "data.max_length" not in capsys.readouterr().out  # of a mood and a noun none is cut
    configure(study, max_length=3)
    prepare.main()
    told = capsys.readouterr().out
    assert "100 % of the sentences to train on are longer than data.max_length: 3" in told
    assert "-S data.max_length=16\n" in told  # all that the model reads


def test_a_class_that_is_most_of_the_sentences_is_told_unless_all_count_the_same(
    study: Path, capsys
) -> None:
    rows = [f"{'good' if i % 8 else 'bad'} {noun}" for i, noun in enumerate(NOUNS)]
    lines = [f"{text} {n},{text.split()[0]}" for n in ("good", "bad") for text in rows]
    (study / "reviews.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    prepare.main()
    assert "are of the class 'good'" in capsys.readouterr().out
    toys.change(study / "params.yaml", {"statistics.metric": "macro_f1"})
    prepare.main()
    assert "are of the class" not in capsys.readouterr().out


def test_ranks_of_other_data_go_and_are_told_in_one_line(study: Path, capsys) -> None:
    for name in ("metrics/runs/lora-r4.json", "metrics/machine/lora-r4.json", "data/adapters/r4"):
        (study / name).parent.mkdir(parents=True, exist_ok=True)
        (study / name).write_text("{}")
    prepare.main()
    assert capsys.readouterr().out.count("of rank 4\n") == 1
    assert not (study / "data/adapters/r4").exists()


def test_names_from_a_file_reach_no_other_file(study: Path) -> None:
    """Classes and columns whose names are paths are names: only the usual files are written."""
    names = {"good": "../up", "bad": "/abs", "a": "a/b", "good bad": ".."}
    rows = [f"{word} {noun},{name}" for noun in NOUNS for word, name in names.items()]
    (study / "reviews.csv").write_text("\n".join(["../text,a/label", *rows]), encoding="utf-8")
    configure(study, text="../text", label="a/label")
    before = {*study.parent.rglob("*")}
    prepare.main()
    new = {path.relative_to(study).as_posix() for path in {*study.parent.rglob("*")} - before}
    folders = {"data", "data/prepared", "metrics"}
    assert new - folders - {"data/prepared.sha256"} == OUTPUTS
    assert set(prepared.load("data/prepared").label_names) == set(names.values())


def test_bad_input_ends_with_one_message_and_status_2(study: Path) -> None:
    (study / "reviews.csv").write_bytes(b"text,label\ncaf\xe9,1\n")
    done = run_alone(study)
    assert done.returncode == cli.BAD_INPUT
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "reviews.csv: byte 0xe9 at offset 14 is not UTF-8" in done.stderr
    assert written(study) == {}


BAD_DATA = {
    "empty": (b"", "reviews.csv: empty"),
    "no rows": (b"text,label\n", "reviews.csv has no rows"),
    "nothing but blanks": (
        b"text,label\n ,1\n,0\n",
        "of 2 rows of reviews.csv 2 have no text in column 'text' (first row 1), so none",
    ),
    "one class": (b"text,label\na,1\nb,1\n", "every sentence has the label '1'"),
    "measurements": (b"text,label\na,0.5\nb,0.25\n", "0.5 has a fraction"),
    "no labels": (
        b"text,label\na,\nb,1\n",
        "data.max_dropped_share: 0.1, but of 2 rows of reviews.csv 1 have no label",
    ),
    "no text column": (b"txt,label\na,1\n", "has no column 'text'; allowed: txt, label"),
    "too few": (
        b"text,label\na,1\nb,0\n",
        "reviews.csv has 2 rows; so 2 sentences are left. No sizes fit",
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_leave_earlier_outputs_as_they_were(
    content: bytes, words: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.main()
    before = written(study)
    capsys.readouterr()
    (study / "reviews.csv").write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        cli.run(prepare.main)
    assert ended.value.code == cli.BAD_INPUT
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    assert written(study) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "nowhere.csv"}, "'nowhere.csv': looked for"),
        ({"label": "mood"}, "data.label: reviews.csv has no column 'mood'"),
        ({"train_size": 41}, "These sizes fit: data.train_size=40, data.validation_size=20"),
        ({"max_length": 100}, "data.max_length: 100; allowed for model: 3 to 16 tokens"),
        ({"tset_size": 3, "seed": -1}, "data.tset_size: unknown; did you mean data.test_size?"),
    ],
)
def test_bad_settings_write_nothing(
    changes: dict[str, Any], words: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(study, **changes)
    with pytest.raises(SystemExit) as ended:
        cli.run(prepare.main)
    assert ended.value.code == cli.BAD_INPUT
    assert words in capsys.readouterr().err
    assert written(study) == {}


def test_the_packaged_reviews_are_what_the_defaults_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real data and a real tokenizer: 8,530 sentences, half of them in each class."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    write_checked(CHECKED, "packed", "fit")
    prepare.main()
    report = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))
    source = report["sources"]["main"]
    assert (source["rows"], source["sentences"]) == (8530, 8530)
    for part in report["splits"].values():
        assert abs(part["class_shares"]["0"] - 0.5) <= 1 / part["sentences"] + 1e-9
    data = prepared.load("data/prepared")
    cls, sep = 101, 102
    for name in prepared.SPLITS:
        split = getattr(data, name)
        assert set(split.input_ids[split.offsets[:-1]].tolist()) == {cls}
        assert set(split.input_ids[split.offsets[1:] - 1].tolist()) == {sep}
