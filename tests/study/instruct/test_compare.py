"""Ranks compared: known differences come out, intervals cover, answers say what they may."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from study.errors import StudyError
from study.figures import rank_comparison, style
from study.instruct.compare import Held, difference, levels
from study.instruct.page import page
from study.instruct.records import BaseRecord, RankRecord
from tests.study.instruct import made

EQUAL = {8: 3.0, 16: 3.0, 32: 3.0, 64: 3.0}
FALLING = {8: 3.3, 16: 3.2, 32: 3.1, 64: 3.0}


def told(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    return (
        [entry["verdict"] for entry in record["questions"]],
        [entry["verdict"] for entry in record["hypotheses"]],
    )


def test_levels_and_differences_are_per_token() -> None:
    held = Held(*made.records({8: 3.2, 64: 3.0}))
    found = levels(held, 0.95)
    assert found[None]["test_loss"] == pytest.approx(5.0)
    assert found[8]["test_loss"] == pytest.approx(3.2)
    assert found[8]["test_perplexity"] == pytest.approx(math.exp(3.2))
    assert found[8]["low"] < 3.2 < found[8]["high"]
    gain = difference(held, 64, 8, 0.95)
    assert gain["gain"] == pytest.approx(0.2)
    # Every token of every pair gains the same: there is nothing uncertain about it.
    assert gain["low"] == pytest.approx(0.2)
    assert gain["high"] == pytest.approx(0.2)


def test_intervals_of_levels_cover_the_true_loss() -> None:
    """Pairs drawn from a population whose loss per token is known, 400 times."""
    draw = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        tokens = draw.integers(1, 30, 200)
        per_token = 3 + draw.normal(0, 1, 200) + 0.02 * (tokens - 15)  # longer ones are harder
        losses = per_token * tokens
        base = BaseRecord(0.0, 0.0, tuple(losses.tolist()), tuple(tokens.tolist()), 0.0)
        level = levels(Held(base, {}), 0.95)[None]
        truth = 3 + 0.02 * ((np.arange(1, 30) ** 2).mean() / np.arange(1, 30).mean() - 15)
        inside += level["low"] <= truth <= level["high"]
    assert 0.92 <= inside / 400 <= 0.98


def test_equal_ranks_are_told_to_be_equal() -> None:
    questions, hypotheses = told(made.record(EQUAL))
    assert questions == ["holds", "holds", "holds", "does not hold"]
    assert hypotheses == ["does not hold", "holds", "holds", "holds", "holds", "holds"]


def test_ranks_that_each_gain_are_told_to() -> None:
    questions, hypotheses = told(made.record(FALLING))
    assert questions == ["does not hold", "does not hold", "holds", "does not hold"]
    assert hypotheses == [
        *("holds", "does not hold", "does not hold", "does not hold", "does not hold", "holds")
    ]


def test_a_plateau_is_found_where_it_begins() -> None:
    record = made.record({8: 3.3, 16: 3.0, 32: 3.0, 64: 3.0})
    assert "Yes, at rank 16" in record["questions"][0]["answer"]
    assert told(record)[1] == ["holds", "holds", "holds", "holds", "holds", "holds"]


def test_noise_leaves_what_cannot_be_told_untold_and_says_what_it_would_take() -> None:
    record = made.record(EQUAL, noise=1.0)
    questions, hypotheses = told(record)
    assert questions == ["cannot be told", "cannot be told", "holds", "does not hold"]
    assert set(hypotheses[:5]) == {"cannot be told"}
    assert "held-out pairs, where there are 300" in record["questions"][1]["answer"]


def test_a_larger_rank_that_is_worse_by_about_the_margin_still_gains_nothing() -> None:
    """Whether it is equivalent or worse cannot be told, that it gains no more than 1 % can."""
    record = made.record({8: 3.0, 16: 3.0, 32: 3.0, 64: 3.01}, noise=0.02)
    judged = record["verdicts"]["1"]
    largest = [row for row in judged if row["rank"] == 64 and row["over"] in (8, 16)]
    assert {row["verdict"] for row in largest} == {"cannot be told"}
    assert all(row["no_more"] and not row["no_less"] for row in largest)
    questions, hypotheses = told(record)
    assert questions[:2] == ["holds", "holds"]
    assert hypotheses[:5] == ["does not hold", "holds", "holds", "holds", "cannot be told"]


def test_other_ranks_than_the_hypotheses_are_answered_in_words() -> None:
    record = made.record({4: 3.0, 1: 3.1, 2: 3.05}, reference=2)
    assert [row["rank"] for row in record["ranks"]] == [1, 2, 4]
    assert set(told(record)[1][:5]) == {"cannot be told"}
    assert "rank 8 not among those trained" in record["hypotheses"][0]["evidence"]


@pytest.mark.parametrize(
    ("losses", "seeds"),
    [({8: 3.0}, (0,)), (FALLING, (0, 1, 2)), ({2**i: 3.0 for i in range(12)}, (0,))],
)
def test_any_ranks_and_seeds_make_a_page_and_a_figure(
    losses: dict[int, float], seeds: tuple[int, ...]
) -> None:
    record = made.record(losses, noise=0.3, pairs=60, seeds=seeds)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    text = page(record, {min(losses): 61.2})
    assert "TBD" not in text
    assert "nan" not in text
    assert text.count("cannot be told") + text.count("hold") >= 10
    with style.styled():
        figure = rank_comparison.draw(record)
        style.settle(figure)
    assert len(figure.axes) == 4
    assert "perplexity" in rank_comparison.caption(record)
    assert "Four panels" in rank_comparison.alternative(record)


def test_records_come_back_from_their_files() -> None:
    base, ranks = made.records({8: 3.0}, seeds=(0, 1))
    again = json.loads(json.dumps(ranks[8].to_json()))
    assert RankRecord.from_json(again) == ranks[8]
    assert BaseRecord.from_json(json.loads(json.dumps(base.to_json()))) == base


def test_other_held_out_pairs_are_refused() -> None:
    base, _ = made.records({8: 3.0}, pairs=20)
    _, ranks = made.records({8: 3.0}, pairs=30)
    with pytest.raises(StudyError, match="held-out pairs other than"):
        Held(base, ranks)
