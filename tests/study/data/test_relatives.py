"""What one data set quotes of another is found through tokens."""

from __future__ import annotations

from pathlib import Path

import torch

from study.data.relatives import related
from study.data.tokenising import Tokenizer
from study.records.prepared import Split
from tests.study.tiny_models import write_bert

WORDS = "the film is good bad and very long . ! ?"


def split(name: str, *texts: str) -> Split:
    tokens = Tokenizer(name, 12).encode(texts)
    return Split(tokens.input_ids, tokens.lengths, torch.zeros(len(texts), dtype=torch.int64))


def test_the_same_words_and_quotations_are_related_either_way_round(tmp_path: Path) -> None:
    name = str(write_bert(tmp_path, WORDS))
    known = [split(name, "The film is good."), split(name, "very bad and very long film")]
    asked = split(
        name,
        "the film IS good !",  # the same words
        "long and bad, the film is good and long",  # quotes the first
        "bad and very long",  # stands in the second
        "very long film",  # stands there too, and is too short to be a quotation
        "good is the film",
    )
    assert related(asked, known, name).tolist() == [True, True, True, False, False]
