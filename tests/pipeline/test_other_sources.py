"""The same study on another model and other data, by settings alone, and bad input to it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline import toys
from tests.pipeline.study import ALL_STAGES, Study


def write_other(path: Path) -> None:
    """Write other sentences, with other columns, in the format of the suffix."""
    rows = [{"sentence": r["text"], "mood": ["sad", "glad"][r["label"]]} for r in toys.sentences(1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".csv", ".tsv"):
        toys.write_csv(path, rows, {".csv": ",", ".tsv": "\t"}[path.suffix])
    elif path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_another_model_and_other_data_give_the_same_study(study: Study) -> None:
    (study.root / "toys/model").rename(study.root / "toys/other-model")
    write_other(study.root / "toys/other.jsonl")
    done = study.experiment(
        "model.name=toys/other-model",
        "data.name=toys/other.jsonl",
        "data.text=sentence",
        "data.label=mood",
    )
    assert set(done.ran) == ALL_STAGES - {"theory", "theory_bound"}
    record = json.loads(study.text("metrics/runs/lora-r2.json"))
    assert record["label_names"] == ["glad", "sad"]
    assert json.loads(study.text("metrics/summary.json"))["headline"]["test_accuracy"] > 0


def test_every_format_is_prepared_to_the_same_bytes(study: Study) -> None:
    prepared = set()
    for name in ("other.csv", "other.tsv", "other.parquet", "folder/train.jsonl"):
        path = study.root / "toys" / name
        write_other(path)
        source = path.parent if path.parent.name == "folder" else path
        changes = {"data.text": "sentence", "data.label": "mood"}
        changes["data.name"] = source.relative_to(study.root).as_posix()
        toys.change(study.root / "params.yaml", changes)
        assert study.repro("--single-item", "prepare").ran == ["prepare"]
        prepared.add((study.root / "data/prepared/data.safetensors").read_bytes())
    assert len(prepared) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora.rank": 0, "train.batch_size": -1}, ("lora.rank: 0", "train.batch_size: -1")),
        ({"data.name": "toys/nowhere.csv"}, ("toys/nowhere.csv", "no hub is reached")),
        ({"lora.ranks": [1, 1000]}, ("rank 1000", "32")),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_message_and_nothing_is_touched(
    study: Study, changes: dict[str, object], said: tuple[str, ...]
) -> None:
    toys.change(study.root / "params.yaml", changes)
    study.commit("A mistake")
    done = study.call("dvc", "repro", status=None)
    assert done.status != 0
    assert done.ran == ["check"]
    message = done.output.partition("error: ")[2]
    for word in said:
        assert word in message
    assert "Traceback" not in done.output
    # DVC takes away what a stage wrote before it runs it; git has the file, which never changes.
    touched = study.call("git", "status", "--porcelain").output.split()
    assert touched == ["D", "metrics/checked.json"]


def test_a_wrong_column_is_one_message_before_any_training(study: Study) -> None:
    toys.change(study.root / "params.yaml", {"data.text": "txt"})
    done = study.call("dvc", "repro", status=None)
    assert done.status != 0
    assert done.ran == ["check", "prepare"]
    message = done.output.partition("error: ")[2]
    assert "txt" in message
    assert "text" in message
    assert "Traceback" not in done.output
