"""Ranks compared: known differences come out, intervals cover, answers say what they may."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest

from study.entry.errors import StudyError
from study.pages.figures import style
from study.records.arm_names import FULL
from study.studies.instruct.answers import figure as rank_comparison
from study.studies.instruct.answers.compare import (
    BEFORE,
    Held,
    difference,
    joint,
    levels,
    nats,
    verdicts,
)
from study.studies.instruct.answers.page import page
from study.studies.instruct.training.records import BaseRecord, TunedRecord
from study.words.phrases import p_words
from tests.study.studies.instruct import made

EQUAL = {8: 3.0, 16: 3.0, 32: 3.0, 64: 3.0}
FALLING = {8: 3.3, 16: 3.2, 32: 3.1, 64: 3.0}


def told(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    return (
        [entry["verdict"] for entry in record["questions"]],
        [entry["verdict"] for entry in record["hypotheses"]],
    )


def test_levels_and_differences_are_per_token() -> None:
    held = Held.out(*made.records({8: 3.2, 64: 3.0}))
    found = levels(held, 0.95)
    assert found[BEFORE]["test_loss"] == pytest.approx(5.0)
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
        level = levels(Held(tokens.tolist(), {BEFORE: losses[None]}), 0.95)[BEFORE]
        truth = 3 + 0.02 * ((np.arange(1, 30) ** 2).mean() / np.arange(1, 30).mean() - 15)
        inside += level["low"] <= truth <= level["high"]
    assert 0.92 <= inside / 400 <= 0.98


def test_equal_ranks_are_told_to_be_equal() -> None:
    questions, hypotheses = told(made.record(EQUAL))
    assert questions == ["holds", "holds", "holds", "holds", "does not hold"]
    assert hypotheses == ["does not hold", "holds", "holds", "holds", "holds", "holds"]


def test_ranks_that_each_gain_are_told_to() -> None:
    questions, hypotheses = told(made.record(FALLING, full=2.9))
    assert questions == [*("does not hold",) * 3, "holds", "does not hold"]
    assert hypotheses == [
        *("holds", "does not hold", "does not hold", "does not hold", "does not hold", "holds")
    ]


def test_a_plateau_is_found_where_it_begins() -> None:
    record = made.record({8: 3.3, 16: 3.0, 32: 3.0, 64: 3.0})
    answer = record["questions"][1]["answer"]
    assert "Yes, at rank 16 or below" in answer
    assert "Rank 8 is not: a larger one gains over 1 %." in answer
    assert told(record)[1] == ["holds", "holds", "holds", "holds", "holds", "holds"]


def test_a_plateau_from_the_smallest_rank_may_begin_below_it() -> None:
    answer = made.record(EQUAL)["questions"][1]["answer"]
    assert "Yes, at rank 8, the smallest tried, or below" in answer


def test_rank_8_is_too_small_if_any_larger_rank_is_better() -> None:
    record = made.record({8: 3.0, 16: 2.9, 32: 3.0, 64: 3.0})
    assert told(record)[1][0] == "holds"
    evidence = record["hypotheses"][0]["evidence"]
    assert evidence.startswith(
        "Rank 8's perplexity is 10.5 % above rank 16's (10.5 % to 10.5 %); rank 16 gains over 1 %."
    )
    assert "that rank 32 gains over 1 % is ruled out (p < 0.0001)" in evidence


def test_noise_leaves_what_cannot_be_told_untold_and_says_what_it_would_take() -> None:
    record = made.record(EQUAL, noise=1.0)
    questions, hypotheses = told(record)
    assert questions == [*("cannot be told",) * 3, "holds", "does not hold"]
    assert set(hypotheses[:5]) == {"cannot be told"}
    answer = record["questions"][2]["answer"]
    assert answer.startswith("We cannot say: rank 8's perplexity is ")
    assert "that rank 64 gains over 5 % is not ruled out (p = 1)" in answer
    assert "One seed does not show how seeds differ; of pairs alone it takes about " in answer
    several = made.record(EQUAL, noise=0.5, seeds=(0, 1, 2))["questions"][2]["answer"]
    assert re.search(r"If they do alike, about \d+ seeds would tell\.$", several)


def test_a_larger_rank_that_is_worse_by_about_the_margin_still_gains_nothing() -> None:
    """Whether it is equivalent or worse cannot be told, that it gains no more than 1 % can."""
    record = made.record({8: 3.0, 16: 3.0, 32: 3.0, 64: 3.01}, noise=0.02)
    judged = record["verdicts"]["1"]
    largest = [row for row in judged if row["rank"] == 64 and row["over"] in (8, 16)]
    assert {row["verdict"] for row in largest} == {"cannot be told"}
    assert all(row["no_more"] and not row["no_less"] for row in largest)
    questions, hypotheses = told(record)
    assert questions[:3] == ["holds", "holds", "holds"]
    assert hypotheses[:5] == ["does not hold", "holds", "holds", "holds", "holds"]
    assert record["questions"][2]["answer"] == (
        "Yes: rank 64's perplexity is 1.0 % above rank 8's (0.4 % to 1.5 %), and that rank 64 "
        "gains over 1 % is ruled out (p < 0.0001)."
    )
    assert "−0.0" not in str(record)


def noisy(gains: dict[int, float], draw: np.random.Generator, pairs: int = 80) -> Held:
    """Return ranks that gain so much over the base, in expectation, per token of equal pairs."""
    return Held(
        [4] * pairs,
        {rank: 4 * (5 - gain + draw.normal(0, 0.01, (1, pairs))) for rank, gain in gains.items()},
    )


def test_verdicts_follow_from_the_joint_intervals_at_any_margin() -> None:
    held = noisy({8: 0.0, 16: 0.003, 32: 0.009, 64: 0.02}, np.random.default_rng(0))
    seen = set()
    for margin in (0.1, 0.4, 1.0, 2.0):
        width = nats(margin)
        for row in verdicts(held, margin, 0.05):
            low, high = joint(held, row["rank"], row["over"], 0.95).values()
            assert row["no_more"] == (high <= width)
            assert row["no_less"] == (low >= -width)
            assert (row["verdict"] == "better") == (low >= width)
            assert (row["verdict"] == "worse") == (high <= -width)
            assert (row["verdict"] == "equivalent") == (row["no_more"] and row["no_less"])
            assert row["no_more"] == (row["p_no_more"] <= 0.025)
            seen.add(row["verdict"])
    assert seen == {"better", "equivalent", "cannot be told"}


def test_a_joint_interval_is_at_the_confidence_divided_by_the_pairs() -> None:
    held = noisy({8: 0.0, 16: 0.0, 32: 0.0}, np.random.default_rng(1))
    alone = difference(held, 16, 8, 1 - 0.05 / 3)
    assert joint(held, 16, 8, 0.95)["joint_low"] == pytest.approx(alone["low"])
    assert joint(held, 16, 8, 0.95)["joint_high"] == pytest.approx(alone["high"])


def test_no_verdict_at_all_is_wrong_in_all_but_one_study_of_twenty() -> None:
    """Neighbours are the margin apart, so that of each it is wrong to say either."""
    draw = np.random.default_rng(2)
    width, studies, wrong = nats(1.0), 400, 0
    for _ in range(studies):
        rows = verdicts(noisy({8: 0.0, 16: width, 32: 0.0}, draw), 1.0, 0.05)
        by = {(row["rank"], row["over"]): row for row in rows}
        wrong += (
            by[16, 8]["no_more"]
            or by[16, 8]["verdict"] in ("better", "worse")
            or by[32, 8]["verdict"] in ("better", "worse")
            or by[32, 16]["no_less"]
            or by[32, 16]["verdict"] in ("better", "worse")
        )
    assert 0.01 <= wrong / studies <= 0.075


def test_p_values_stand_beside_what_they_are_of() -> None:
    record = made.record({32: 3.0, 64: 3.0}, noise=0.1)
    row = record["verdicts"]["1"][0]
    assert (row["rank"], row["over"]) == (64, 32)
    (entry,) = [entry for entry in record["hypotheses"] if entry["about"] == "Rank 64"]
    ruled_out = f"that rank 64 gains over 1 % is ruled out ({p_words(row['p_no_more'])})"
    assert ruled_out in entry["evidence"]


def test_the_last_epochs_training_loss_is_its_mean() -> None:
    (row,) = made.record({8: 3.0})["ranks"]
    assert row["last_epoch_train_loss"] == pytest.approx(np.mean([3 + 1 / i for i in range(6, 11)]))
    assert row["trainable_share"] == 800 / 10_800


def test_one_rate_is_not_called_picked_and_one_seed_is_said_beside_the_verdicts() -> None:
    text = page(made.record(EQUAL), {8: 100.0, 64: 108.0})
    assert "One learning rate alone was tried: 0.01 for rank 8, 0.01 for rank 16" in text
    assert "picked on validation" not in text
    assert text.count("these 5 runs") == 2
    assert "100 s at rank 8, 108 s at rank 64, 8 % more" in text
    more = page(made.record(EQUAL, seeds=(0, 1), noise=0.1), {})
    assert "these 1" not in more.split("## The questions")[1].split("## What follows")[0]


def test_the_page_says_what_goes_before_instructions_and_what_was_cut() -> None:
    assert "message" not in page(made.record(EQUAL), {})
    splits = {name: part | {"responses_cut": 3} for name, part in made.DATA["splits"].items()}
    text = page(made.record(EQUAL, data=made.DATA | {"system": "Be brief.", "splits": splits}), {})
    assert "Before every instruction goes the message “Be brief.”" in text
    assert "3 in train, 3 in validation and 3 in test" in text


def test_what_was_expected_of_other_ranks_is_not_asked_and_the_page_says_so() -> None:
    record = made.record({4: 3.0, 1: 3.1, 2: 3.05}, reference=2)
    assert [row["rank"] for row in record["ranks"]] == [1, 2, 4]
    assert [entry["about"] for entry in record["hypotheses"]] == ["Parameters"]
    assert "expected of ranks 8, 16, 32 and 64, not trained here, is left out" in page(record, {})
    some = made.record({8: 3.0, 32: 3.0, 64: 3.0})
    assert [entry["about"] for entry in some["hypotheses"]] == [
        *("Rank 8", "Rank 32", "Rank 64", "Ranks of 16 and more", "Parameters")
    ]
    assert "expected of rank 16, not trained here, is left out" in page(some, {})


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
    base, arms = made.records({8: 3.0}, seeds=(0, 1), written=((1, 2), ()), search_seeds=(0,))
    for arm in (8, FULL):
        again = json.loads(json.dumps(arms[arm].to_json()))
        assert TunedRecord.from_json(again) == arms[arm]
    assert BaseRecord.from_json(json.loads(json.dumps(base.to_json()))) == base


def test_other_held_out_pairs_are_refused() -> None:
    base, _ = made.records({8: 3.0}, pairs=20)
    _, arms = made.records({8: 3.0}, pairs=30)
    with pytest.raises(StudyError, match=r"rank_8/run_data\.json: held-out pairs other than"):
        Held.out(base, arms)
    with pytest.raises(StudyError, match=r"full\.json: validation pairs other than"):
        Held.validation(base, {FULL: arms[FULL]})


def test_the_page_says_what_was_left_out_of_the_source_and_nothing_else() -> None:
    assert "Left out" not in page(made.record(EQUAL), {})
    source = made.DATA["source"] | {"dropped": {"duplicate": 2, "empty_response": 1, "x": 0}}
    text = page(made.record(EQUAL, data=made.DATA | {"source": source}), {})
    assert "Left out of the source's 24 rows: 2 (duplicate) and 1 (empty response)." in text
