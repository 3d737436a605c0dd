"""The same study on another model and other data, by settings alone, and bad input to it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from peft import PeftModel
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification

from study.records import prepared
from study.records.logits import read_logits
from study.records.prepared import Prepared
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
    """A family that cannot be packed, every linear layer of it adapted, and another file."""
    toys.write_modernbert(study.root / "toys/other-model")
    write_other(study.root / "toys/other.jsonl")
    done = study.experiment(
        "model.name=toys/other-model",
        "lora.target_modules=all-linear",
        "data.name=toys/other.jsonl",
        "data.text=sentence",
        "data.label=mood",
        "select.force=true",
    )
    assert set(done.ran) == ALL_STAGES - {"theory"}
    assert json.loads(study.text("metrics/checked.json"))["batching"] == "padded"
    record = json.loads(study.text("metrics/runs/lora-r2.json"))
    assert record["label_names"] == ["glad", "sad"]
    assert json.loads(study.text("metrics/summary.json"))["headline"]["test_accuracy"] > 0
    logits = read_logits(study.root / "metrics/logits/lora-r2.safetensors").test[0]
    adapted = of_peft(study.root / "toys/other-model", study.root / "data/adapters/r2/s0")
    found = answers(adapted, prepared.load(study.root / "data/prepared"))
    torch.testing.assert_close(found, torch.tensor(logits), rtol=1e-5, atol=1e-5)


def of_peft(base: Path, adapter: Path) -> PeftModel:
    """Load an adapter as anybody does."""
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    return PeftModel.from_pretrained(plain, adapter).eval()


@torch.no_grad()
def answers(model: PeftModel, data: Prepared) -> torch.Tensor:
    """The logits of the test sentences, in one padded batch."""
    rows = data.test.input_ids.long().split(data.test.lengths.tolist())
    ids = pad_sequence(list(rows), batch_first=True, padding_value=data.pad_token_id)
    mask = torch.arange(ids.shape[1]) < data.test.lengths[:, None]
    logits: torch.Tensor = model(input_ids=ids, attention_mask=mask.long()).logits
    return logits


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
