"""Figures of the sufficient rank and of learning rates: whole, apart and in words for any study."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest

from study.analyses.learning_rates.record import learning_rates
from study.pages.figures import learning_rate, style, sufficient_rank
from tests.study.analyses.learning_rates.test_record import FULL
from tests.study.analyses.sufficiency.test_record import STATISTICS, TWELVE, record_of
from tests.study.fake_rates import RATES, arm, exited, peaked, sweep
from tests.study.pages.figures.test_figures import check_texts, drawn_texts

SUFFICIENT = ("default", "one", "one seed", "twelve")
RATE_STUDIES = ("one rate", "one rank", "one seed", "twelve", "edge", "early exit")


@functools.cache
def sufficient(name: str) -> dict[str, Any]:
    return record_of(name)


@functools.cache
def rates(name: str) -> dict[str, Any]:
    seeds = 1 if name == "one seed" else 3
    ranks = {"one rank": (8,), "twelve": TWELVE}.get(name, (1, 4, 16))
    tried = (0.002,) if name == "one rate" else RATES
    best = {rank: 0.004 if rank < 8 else 0.002 for rank in ranks}
    if name == "edge":
        best = dict.fromkeys(ranks, RATES[0])
    lora = {
        rank: arm("lora", rank, peaked([best[rank]] * seeds, tried), sentences=200)
        for rank in ranks
    }
    if name == "early exit":
        lora = {rank: exited(each, RATES[0], RATES[-1]) for rank, each in lora.items()}
    full = {1e-4: [0.8] * seeds} if name == "one rate" else {k: v[:seeds] for k, v in FULL.items()}
    results = sweep(lora, arm("full", None, full, sentences=200), sentences=200)
    return learning_rates(results, "rslora", STATISTICS)


@pytest.fixture(autouse=True)
def in_style():
    with style.styled():
        yield


@pytest.mark.parametrize("name", SUFFICIENT)
def test_texts_of_the_sufficient_rank_are_whole_and_apart(name):
    check_texts(sufficient_rank.draw(sufficient(name)))


@pytest.mark.parametrize("name", RATE_STUDIES)
def test_texts_of_the_learning_rates_are_whole_and_apart(name):
    check_texts(learning_rate.draw(rates(name)))


def test_every_verdict_is_drawn_with_its_sign_and_the_seeds_that_it_would_take():
    record = copy.deepcopy(sufficient("default"))
    rows = record["equivalence"][0]["ranks"]
    for row, verdict in zip(rows, ("equivalent", "worse", "better"), strict=True):
        row["verdict"] = verdict
    rows = record["equivalence"][1]["ranks"]
    for row, needed in zip(rows, (101, None, 12_345), strict=True):
        row |= {"verdict": "cannot be told", "seeds_needed": needed}
    words = [words for words, _, _ in drawn_texts(sufficient_rank.draw(record))]
    for sign in ("=", "<", ">", "?\n100", "?\n–", "?\n12k"):
        assert sign in words


def test_with_one_seed_no_number_of_seeds_is_drawn():
    words = [words for words, _, _ in drawn_texts(sufficient_rank.draw(sufficient("one seed")))]
    assert not any(word.startswith("?\n") for word in words)
    assert any("One seed" in word for word in words)


def test_one_test_sentence_can_be_drawn():
    record = copy.deepcopy(sufficient("default"))
    for row in record["differences"]:
        row |= dict.fromkeys(("low", "high", "low_together", "high_together"))
    check_texts(sufficient_rank.draw(record))


def test_the_caption_tells_the_choice_and_the_verdicts():
    record = copy.deepcopy(sufficient("default"))
    record["recommended"]["rank"] = 2
    record["choice"]["one standard error on validation"] = {"1": 0.3, "2": 0.6, "8": 0.1}
    for entry in record["equivalence"]:
        entry["rank"] = None
        for row in entry["ranks"]:
            row["verdict"] = "cannot be told"
    record["equivalence"][0]["ranks"][0]["verdict"] = "worse"
    untold = sufficient_rank.caption(record)
    assert untold == (
        "Rank 2 is recommended: it is the smallest that comes within the noise (one standard "
        "error) of the best on validation. In 60 % of resamples of the data it would be "
        "picked again. We cannot say of any rank that it is within 2 points of full fine-tuning; "
        "rank 1 is more than 0.5 points below it. 3 seeds and 600 test sentences leave 8 of 9 "
        "questions open. The thin lines are wide enough to hold for all three ranks together."
    )
    record["equivalence"][1]["rank"] = 8
    shown = sufficient_rank.caption(record)
    assert "Rank 8 is within 1 point of full fine-tuning" in shown


def test_alternative_texts_name_every_rank():
    for name in SUFFICIENT:
        text = sufficient_rank.alternative(sufficient(name))
        for row in sufficient(name)["differences"]:
            assert f"at rank {row['rank']}" in text
    for name in RATE_STUDIES:
        text = learning_rate.alternative(rates(name))
        for row in rates(name)["ratio_to_full"]:
            assert f"rank {row['rank']} " in text


def test_one_rate_is_drawn_by_rank_on_both_splits_beside_full_fine_tuning():
    record = rates("one rate")
    axes = learning_rate.draw(record).axes
    assert len(axes) == 1  # and no panel that says why it is empty
    lines = {line.get_label(): list(line.get_ydata()) for line in axes[0].lines}
    lora = [arm["rates"][0] for arm in record["arms"] if arm["rank"] is not None]
    full = next(arm["rates"][0] for arm in record["arms"] if arm["arm"] == "full")
    for split in ("validation", "test"):
        assert lines[f"LoRA, {split}"] == [row[split] for row in lora]
        assert set(lines[f"Full fine-tuning at 0.0001, {split}"]) == {full[split]}
    assert "at one learning rate" in learning_rate.alternative(record)


def test_captions_of_learning_rates_say_what_is_known_and_what_not():
    assert learning_rate.caption(rates("one rate")) == (
        "LoRA was trained at one learning rate, 0.002. So this study cannot say which rate is "
        "best, whether that depends on the rank, or what another one would change."
    )
    told = learning_rate.caption(rates("one seed"))
    assert "0.004 at rank 1, 0.004 at rank 4 and 0.002 at rank 16" in told
    assert "to the power -0.25; for this scaling of alpha -0.25 is predicted" in told
    assert "With one rate for all ranks, some conclusions would change" in told
    assert (
        "We cannot say how it changes with the rank: at every rank the best is at the edge"
        in learning_rate.caption(rates("edge"))
    )
    one = learning_rate.caption(rates("one rank"))
    assert one.startswith("On validation 0.002 is LoRA's best learning rate at rank 8")


def test_the_prediction_that_applies_is_named():
    words = [words for words, _, _ in drawn_texts(learning_rate.draw(rates("twelve")))]
    assert "predicted if s = α / √r (as here)" in words


def test_pictures_are_the_same_bytes_each_time(tmp_path):
    def save(name: str) -> list[bytes]:
        style.save(sufficient_rank.draw(sufficient("default")), tmp_path / name)
        style.save(learning_rate.draw(rates("twelve")), tmp_path / f"{name}-rates")
        return [
            (tmp_path / f"{stem}.{kind}").read_bytes()
            for stem in (name, f"{name}-rates")
            for kind in ("png", "svg")
        ]

    assert save("once") == save("again")


def test_rates_that_early_exit_dropped_are_crosses_and_the_caption_says_so():
    left, _ = learning_rate.draw(rates("early exit")).axes
    crosses = [line for line in left.get_lines() if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[RATES[0], RATES[-1]]] * 3
    assert "crosses dropped" in left.get_title(loc="left")
    assert "Crosses are rates that were dropped after 25 % of the steps" in learning_rate.caption(
        rates("early exit")
    )
    assert "rosses" not in learning_rate.caption(rates("twelve"))
