"""The study of pairs of texts, through real DVC, by settings alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from peft import PeftModel
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
)

from study.records import prepared
from study.records.logits import read_logits
from tests.pipeline import toys
from tests.pipeline.study import NOT_DRAWN, Study

MODEL = "toys/paired"


def test_pairs_are_studied_as_plain_transformers_and_peft_compute_them(study: Study) -> None:
    rows = toys.pairs()
    toys.write_csv(study.root / "toys/pairs.csv", rows)
    with_pooler(study.root)
    study.experiment(
        f"model.name={MODEL}",
        "data.name=toys/pairs.csv",
        "data.text=[premise,hypothesis]",
        "data.label=agree",
        "data.max_length=20",
        "data.train_size=80",
        targets=NOT_DRAWN,
    )
    report = json.loads(study.text("metrics/data.json"))
    assert report["pairs_of"] == ["premise", "hypothesis"]
    texts = split_texts(study.root, rows)
    for name, own in texts.items():
        others = {text for other in texts.keys() - {name} for pair in texts[other] for text in pair}
        assert not {text for pair in own for text in pair} & others

    record = json.loads(study.text("metrics/runs/lora-r2.json"))
    assert record["label_names"] == ["no", "yes"]
    tokenizer = AutoTokenizer.from_pretrained(study.root / MODEL)
    inputs = tokenizer(
        *(list(column) for column in zip(*texts["test"], strict=True)),
        truncation="longest_first",
        max_length=20,
        padding=True,
        return_tensors="pt",
    )
    assert inputs["token_type_ids"].any()
    plain = AutoModelForSequenceClassification.from_pretrained(study.root / MODEL, num_labels=2)
    logits = read_logits(study.root / "metrics/logits/lora-r2.safetensors").test[0]
    adapted = PeftModel.from_pretrained(plain, study.root / "data/adapters/r2/s0").eval()
    with torch.no_grad():
        found = adapted(**inputs).logits
    torch.testing.assert_close(found, torch.tensor(logits), rtol=1e-5, atol=1e-5)


def with_pooler(root: Path) -> None:
    """Save the toy with a pooler, which an adapter of a rank does not bring along."""
    shutil.copytree(root / "toys/model", root / MODEL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(BertConfig.from_pretrained(root / MODEL)).save_pretrained(root / MODEL)


def split_texts(root: Path, rows: list[dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Return the texts of each split's pairs, told by their tokens, which are all different."""
    tokenizer = AutoTokenizer.from_pretrained(root / MODEL)
    pairs = [(row["premise"], row["hypothesis"]) for row in rows]
    ids = tokenizer(*(list(c) for c in zip(*pairs, strict=True)), truncation=True, max_length=20)
    of_ids = dict(zip(map(tuple, ids["input_ids"]), pairs, strict=True))
    assert len(of_ids) == len(pairs)
    data = prepared.load(root / "data/prepared")
    found = {}
    for name in prepared.SPLITS:
        split = getattr(data, name)
        tokens = split.input_ids.split(split.lengths.tolist())
        found[name] = [of_ids[tuple(row.tolist())] for row in tokens]
    return found
