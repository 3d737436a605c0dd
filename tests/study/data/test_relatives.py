"""What one data set quotes of another is found through tokens."""

from __future__ import annotations

from pathlib import Path

import torch

from study.data.relatives import related
from study.data.texts import Text
from study.data.tokenising import Tokenizer
from study.records.prepared import Split
from tests.study.tiny_models import write_bert

WORDS = "the film is good bad and very long . ! ?"


def split(name: str, *texts: Text) -> Split:
    pairs = not isinstance(texts[0], str)
    tokens = Tokenizer(name, 12, pairs=pairs).encode(texts)
    labels = torch.zeros(len(texts), dtype=torch.int64)
    return Split(tokens.input_ids, tokens.lengths, labels, tokens.token_types)


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


def test_either_text_of_a_pair_may_be_the_one(tmp_path: Path) -> None:
    name = str(write_bert(tmp_path, WORDS))
    known = [split(name, ("good film", "the film is very long"), ("bad !", "very"))]
    asked = split(name, "film good", "GOOD film .", "is very long", "film is very long", "bad very")
    assert related(asked, known, name).tolist() == [False, True, False, True, False]
    pairs = split(name, ("very", "film"), ("is", "good good"), ("long", "good film"))
    assert related(pairs, known, name).tolist() == [True, False, True]
    alone = [split(name, "is the film good and very long ?")]
    assert related(split(name, ("bad", "very good and film")), alone, name).tolist() == [False]
    assert related(split(name, ("bad", "film good and very long")), alone, name).tolist() == [True]
