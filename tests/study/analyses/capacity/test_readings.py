"""The rule that turns answers into words, and the answers, on constructed cases."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.capacity.questions import QUESTIONS, Compared, Difference, p_values
from study.analyses.capacity.readings import MEANING, level, read, reading_of
from study.statistics.crossed import crossed, crossed_interval
from study.statistics.resampling import Interval

MARGIN = 2.0
SENTENCES = 1000
NEAR, SHORT = {"lora_near"}, {"lora_short"}
CUT_NEAR, CUT_SHORT = {"truncated_near"}, {"truncated_short"}
LORA, CUT, LARGEST = {"lora_better"}, {"truncated_better"}, {"largest_better"}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (SHORT | CUT_NEAR | LARGEST, "badly trained"),
        (SHORT | CUT_SHORT | LORA | LARGEST, "badly trained"),  # before all others
        (SHORT | CUT_NEAR | CUT, "not for lack of rank"),
        (SHORT | CUT_SHORT | CUT, "not for lack of rank"),  # the truncation need not reach full
        (NEAR | CUT_SHORT | LORA, "uses its room better"),
        (SHORT | CUT_SHORT | LORA, "uses its room better"),  # though it is short itself
        (CUT_SHORT | LORA, "uses its room better"),
        (NEAR | CUT_NEAR, "room enough"),
        (NEAR | SHORT | CUT_NEAR | CUT | LARGEST, "room enough"),  # less than the margin is missing
        (NEAR, "room enough"),
        (SHORT | CUT_SHORT, "lacks room"),
        (SHORT | CUT_NEAR, "cannot be told"),  # two levels, yet no difference
        (CUT_NEAR | CUT | LARGEST, "cannot be told"),  # LoRA may not be short at all
        (CUT_SHORT, "cannot be told"),
        (set(), "cannot be told"),
    ],
)
def test_reading(shown: set[str], expected: str) -> None:
    assert reading_of(shown) == expected
    assert expected in MEANING
    assert shown <= QUESTIONS.keys()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (NEAR, "near"),
        (NEAR | SHORT, "near"),  # worse for sure, but by less than the margin
        (SHORT, "short"),
        (CUT_NEAR, "cannot be told"),  # another's
        (set(), "cannot be told"),
    ],
)
def test_level_of_a_gap(shown: set[str], expected: str) -> None:
    assert level("lora", shown) == expected


def of(points: float, changed: int = 40) -> Difference:
    """A difference of this many points on 1,000 sentences, `changed` more going both ways."""
    d = np.zeros(SENTENCES)
    sure = round(10 * abs(points))
    d[:sure] = np.sign(points)
    d[sure : sure + 2 * changed] = np.tile([1, -1], changed)
    interval = crossed_interval(d[None], 0.95)
    return Difference(crossed(d[None]), Interval(100 * interval.low, 100 * interval.high))


def compared(
    lora: float, cut: float, over_cut: float, over_largest: float | None = 0.0
) -> Compared:
    largest = None if over_largest is None else of(over_largest)
    return Compared(of(lora), of(cut), of(over_cut), largest, "weighted")


def test_p_values_of_one_rank_are_those_of_the_crossed_test() -> None:
    (p,) = p_values({4: compared(-3, -1, 0.5, -2)}, MARGIN).values()
    assert p.keys() == QUESTIONS.keys()
    assert p["lora_short"] == of(-3).measured.p_value(0.03)
    assert p["lora_near"] == of(-3).measured.p_value(-0.01)
    assert p["truncated_near"] == of(-1).measured.p_value(0.01)
    assert p["lora_better"] == of(0.5).measured.p_value(0.005)
    assert p["lora_better"] + p["truncated_better"] == pytest.approx(1)
    assert p["largest_better"] == of(-2).measured.p_value(0.02)


def test_more_ranks_make_each_answer_less_sure() -> None:
    """Holm's procedure: the smallest of three p values counts three times, the next twice."""
    gaps = {1: -4.0, 2: -3.0, 4: 0.0}
    several = p_values({rank: compared(gap, 0, 0) for rank, gap in gaps.items()}, MARGIN)
    for rank, times in ((1, 3), (2, 2), (4, 1)):
        alone = of(gaps[rank]).measured.p_value(-gaps[rank] / 100)
        assert several[rank]["lora_short"] == pytest.approx(times * alone)


def test_a_rank_that_cannot_be_asked_counts_for_nothing() -> None:
    found = p_values({2: compared(0, 0, 0, -3), 8: compared(0, 0, 0, None)}, MARGIN)
    assert found[8]["largest_better"] is None
    assert found[2]["largest_better"] == of(-3).measured.p_value(0.03)
    (alone,) = p_values({8: compared(0, 0, 0, None)}, MARGIN).values()
    assert alone["largest_better"] is None


def test_what_one_rank_shows_alone_six_need_not() -> None:
    one = compared(-2.0, 0.0, -2.0)
    (alone,) = read({4: one}, MARGIN, 0.05)
    assert alone["reading"] == "not for lack of rank"
    assert 0.01 < alone["p"]["lora_short"] < 0.05
    several = {rank: compared(0.0, 0.0, 0.0) for rank in (1, 2, 8, 16, 32)} | {4: one}
    by_rank = {row["rank"]: row for row in read(several, MARGIN, 0.05)}
    assert list(by_rank) == [1, 2, 4, 8, 16, 32]
    assert by_rank[4]["reading"] == "cannot be told"
    assert by_rank[4]["lora_to_truncated"] == alone["lora_to_truncated"]


def test_a_reading_carries_its_numbers_and_says_them() -> None:
    (found,) = read({4: compared(-5, -8, 6, None)}, MARGIN, 0.05)
    assert found["rank"] == 4
    assert found["lora_is"] == found["truncated_is"] == "short"
    assert found["truncation"] == "weighted"
    assert found["lora_to_truncated"]["points"] == pytest.approx(6)
    assert found["lora_to_truncated"]["low"] > 0
    assert found["lora_to_largest"] is None
    assert "Beside full fine-tuning, LoRA has -5.0 points (-" in found["reason"]
    assert "full fine-tuning's update cut to rank 4 has -8.0 points (-" in found["reason"]
    assert "Beside the cut update, LoRA has +6.0 points (+" in found["reason"]
    assert "the cut update falls short (p < 0.0001); LoRA is better than" in found["reason"]
    (found,) = read({4: compared(-3, 0, -1, -4)}, MARGIN, 0.05)
    assert found["reading"] == "badly trained"
    assert "Beside the largest LoRA cut to this rank, LoRA has -4.0 points (-" in found["reason"]
