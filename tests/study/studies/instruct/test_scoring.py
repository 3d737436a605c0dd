"""Scores of generated text, against rouge-score's own and by hand."""

from __future__ import annotations

import pytest
from rouge_score.rouge_scorer import RougeScorer

from study.studies.instruct.pairs.scoring import scores

WANTED = ["Yes, the reviewer liked it.", "the cat sat on the mat", "True"]
WRITTEN = ["Yes, the reviewer did not like it.", "on the mat the cat sat", "  true  "]


def test_rouge_l_is_that_of_the_package_on_english() -> None:
    scorer = RougeScorer(["rougeL"])
    pairs = zip(WANTED, WRITTEN, strict=True)
    own = [scorer.score(one, other)["rougeL"].fmeasure for one, other in pairs]
    assert scores("rouge_l", WANTED, WRITTEN) == own
    assert own[1] == pytest.approx(0.5)  # three words of six


def test_rouge_l_knows_words_of_any_script() -> None:
    assert scores("rouge_l", ["Да, фильм хорош"], ["да фильм плох"]) == [pytest.approx(2 / 3)]
    assert scores("rouge_l", ["çok güzel"], ["ÇOK güzel!"]) == [1.0]


def test_an_exact_match_is_of_words_as_they_are_written() -> None:
    assert scores("exact_match", WANTED, WRITTEN) == [0.0, 0.0, 0.0]
    assert scores("exact_match", ["a  b\n", "True"], ["a b", "True"]) == [1.0, 1.0]


def test_nothing_written_scores_nothing() -> None:
    assert scores("rouge_l", ["a b"], [""]) == [0.0]
    assert scores("exact_match", ["a b"], [""]) == [0.0]
