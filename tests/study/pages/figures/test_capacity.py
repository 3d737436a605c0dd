"""The figure of capacity or training reads well for any study, and its words say what is drawn."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from study.analyses.capacity.readings import MEANING
from study.analyses.capacity.record import (
    FULL,
    LARGEST,
    LORA,
    RANK_ZERO,
    TARGETS,
    Arm,
    Comparison,
    capacity_record,
)
from study.analyses.capacity.truncation import PLAIN, WEIGHTED
from study.pages.figures import capacity, style
from study.settings.statistics import StatisticsSettings
from tests.study.pages.figures.test_figures import check_texts, drawn_texts

STATISTICS = StatisticsSettings(
    0.95, 50, 0, margins=(2.0,), power=0.8, looks=None, budget=6, metric="auto"
)
STUDIES: dict[str, tuple[tuple[int, ...], int]] = {
    "six": ((1, 2, 4, 8, 16, 32), 3),
    "one": ((4,), 1),
    "twelve": ((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), 5),
}


@pytest.fixture(autouse=True)
def in_style():
    with style.styled():
        yield


def right(accuracy: float, seeds: int) -> np.ndarray:
    return np.tile(np.arange(1000) < round(1000 * accuracy), (seeds, 1))


@functools.cache
def record(name: str) -> dict[str, Any]:
    """Cut updates that come from far below towards full with the rank; all lines within a point."""
    ranks, seeds = STUDIES[name]
    levels: dict[Arm, float] = {(FULL, None): 0.81, (RANK_ZERO, None): 0.55, (TARGETS, None): 0.56}
    for rank in ranks:
        levels |= {(PLAIN, rank): 0.805 - 0.2 / rank, (WEIGHTED, rank): 0.807 - 0.1 / rank}
        levels |= {(LORA, rank): 0.8, (LARGEST, rank): 0.8 - (rank != max(ranks)) * 0.02}
    arms = {arm: right(level, seeds) for arm, level in levels.items()}
    cut = {arm: right for arm, right in arms.items() if arm[0] in (PLAIN, WEIGHTED)}
    found = Comparison(arms, cut, {"0.q": (3, 4), "1.q": (3, 4)}, ("0.q", "1.q"), {})
    return capacity_record(found, STATISTICS, range(seeds))


@pytest.mark.parametrize("name", STUDIES)
def test_texts_are_large_enough_whole_and_apart(name: str) -> None:
    check_texts(capacity.draw(record(name)))


@pytest.mark.parametrize("name", STUDIES)
def test_every_value_and_interval_is_drawn_at_its_height(name: str) -> None:
    figure = capacity.draw(record(name))
    drawn = {round(float(y), 9) for axes in figure.axes for x in axes.lines for y in x.get_ydata()}
    for curve, rows in record(name)["curves"].items():
        for row in rows if (curve, name) != (LARGEST, "one") else []:
            assert {round(row[key], 9) for key in ("accuracy", "low", "high")} <= drawn
    assert round(record(name)["full"]["accuracy"], 9) in drawn


def test_a_study_of_one_rank_does_not_draw_its_lora_twice() -> None:
    words = " ".join(words for words, *_ in drawn_texts(capacity.draw(record("one"))))
    assert "LoRA, trained at the rank" in words
    assert "LoRA of rank" not in words
    assert "LoRA of rank" not in capacity.alternative(record("one"))


SHORT_AND_NEAR = {"lora_is": "short", "truncated_is": "near"}


def with_readings(readings: Sequence[str]) -> dict[str, Any]:
    rows = [
        {"rank": 2**i, "reading": reading, "truncation": PLAIN, **SHORT_AND_NEAR}
        for i, reading in enumerate(readings)
    ]
    return record("six") | {"readings": rows}


def test_the_caption_says_both_ends_and_each_reading_with_its_ranks() -> None:
    caption = capacity.caption(record("six"))
    assert "it scores 70.7 % at rank 1 and 80.4 % at rank 32" in caption
    assert "LoRA trained at these ranks reaches 80.0 % and 80.0 %" in caption
    assert "full fine-tuning 81.0 %. With all its matrices set back" in caption
    assert "scores 55.0 %" in caption
    assert "LoRA's matrices (q) kept, it scores 56.0 %" in caption
    assert "for all 6 of them together (one-sided, at 5 %, Holm)" in caption
    seven = with_readings([*MEANING, "lacks room"])
    seven["curves"] = {
        name: [*rows, rows[-1] | {"rank": 64}] for name, rows in seven["curves"].items()
    }
    caption = capacity.caption(seven)
    for rank, phrase in enumerate(
        (
            "LoRA is badly trained at rank 1:",
            "not for lack of rank, at rank 2;",
            "cut down at rank 4;",
            "room enough at rank 8;",
            "both fall short of full fine-tuning at ranks 16 and 64.",
            "we cannot say why at rank 32.",
        )
    ):
        assert phrase in caption, rank
    one = capacity.caption(record("one"))
    assert "it scores 78.2 % at rank 4. LoRA trained at the same rank reaches 80.0 %" in one


@pytest.mark.parametrize(
    ("lora", "cut", "said"),
    [
        (
            ["short", "cannot be told", "near"],
            ["cannot be told", "near", "near"],
            "Ranks 2 and 4 have room for what full fine-tuning learns: cut down so far, full "
            "fine-tuning's own update stays within 2 points of the whole. LoRA comes within 2 "
            "points of full fine-tuning at rank 4. LoRA falls short of full fine-tuning at rank 1; "
            "we cannot say why. We cannot say whether LoRA falls short at rank 2. To see this",
        ),
        (
            ["cannot be told"] * 3,
            ["short", "short", "cannot be told"],
            "We cannot say of any rank that it has room for what full fine-tuning learns: at none "
            "does full fine-tuning's own update, cut down to it, come within 2 points of the "
            "whole. We cannot say whether LoRA falls short at any rank. To see this",
        ),
        (
            ["cannot be told"] * 3,
            ["short", "short", "near"],
            "Rank 4 has room for what full fine-tuning learns: cut down so far, full fine-tuning's "
            "own update stays within 2 points of the whole. We cannot say whether",
        ),
    ],
)
def test_the_caption_says_which_ranks_have_room_even_if_why_lora_is_short_cannot_be_told(
    lora: Sequence[str], cut: Sequence[str], said: str
) -> None:
    told = with_readings(["cannot be told"] * 3)
    for row, of_lora, of_cut in zip(told["readings"], lora, cut, strict=True):
        row |= {"lora_is": of_lora, "truncated_is": of_cut}
    told["curves"] = {name: rows[:3] for name, rows in told["curves"].items()}
    assert said in capacity.caption(told)


def test_the_caption_takes_the_cut_that_validation_picked_and_says_where_the_weighted_one_loses():
    told = copy.deepcopy(record("six"))
    assert "loses" not in capacity.caption(told)
    assert "can lose" not in capacity.caption(told)
    told["readings"][0]["truncation"] = PLAIN
    assert "it scores 60.5 % at rank 1 and" in capacity.caption(told)
    told["curves"][WEIGHTED][1]["accuracy"] = 0.6
    assert "(at rank 2, 60.0 % against 70.5 %)" in capacity.caption(told)


@pytest.mark.parametrize("name", STUDIES)
def test_the_alternative_text_holds_every_value(name: str) -> None:
    told = capacity.alternative(record(name))
    for curve in (PLAIN, WEIGHTED, LORA):
        for row in record(name)["curves"][curve]:
            assert f"{100 * row['accuracy']:.1f} % at rank {row['rank']}" in told
    assert "Full fine-tuning 81.0 %; Full, all its matrices pretrained 55.0 %" in told
    assert "\n" not in told
