"""The rule that turns intervals into words, on constructed cases."""

from __future__ import annotations

import pytest

from study.capacity.readings import MEANING, Compared, Difference, read
from study.statistics import Interval

MARGIN = 2.0


def between(low: float, high: float) -> Difference:
    return Difference((low + high) / 2, Interval(low, high))


NEAR, SHORT, FAR, WIDE = between(-1.9, -0.5), between(-3, -0.1), between(-9, -7), between(-3, 1)
BETTER, WORSE, SAME = between(0.2, 3), between(-3, -0.2), between(-1, 1)


def reading(
    lora: Difference,
    truncated: Difference,
    over_truncated: Difference,
    over_largest: Difference | None = SAME,
) -> str:
    compared = Compared(lora, truncated, over_truncated, over_largest, "weighted")
    return str(read(4, compared, MARGIN)["reading"])


@pytest.mark.parametrize(
    ("lora", "truncated", "over_truncated", "over_largest", "expected"),
    [
        (SHORT, NEAR, SAME, WORSE, "badly trained"),
        (SHORT, FAR, BETTER, WORSE, "badly trained"),  # before all others
        (SHORT, NEAR, WORSE, SAME, "not for lack of rank"),
        (SHORT, SHORT, WORSE, SAME, "not for lack of rank"),  # the truncation need not reach full
        (SHORT, NEAR, WORSE, None, "not for lack of rank"),  # at the largest rank
        (NEAR, FAR, BETTER, SAME, "uses its room better"),
        (SHORT, FAR, BETTER, SAME, "uses its room better"),  # though it is short itself
        (WIDE, FAR, BETTER, SAME, "uses its room better"),
        (NEAR, NEAR, SAME, SAME, "room enough"),
        (NEAR, NEAR, WORSE, WORSE, "room enough"),  # less than the margin is missing
        (NEAR, WIDE, SAME, SAME, "room enough"),
        (SHORT, SHORT, SAME, SAME, "lacks room"),
        (SHORT, SHORT, SAME, BETTER, "lacks room"),
        (SHORT, NEAR, SAME, SAME, "cannot be told"),  # two levels, yet no difference
        (WIDE, NEAR, WORSE, WORSE, "cannot be told"),  # LoRA may not be short at all
        (WIDE, SHORT, SAME, SAME, "cannot be told"),
        (WIDE, WIDE, SAME, SAME, "cannot be told"),
    ],
)
def test_reading(lora, truncated, over_truncated, over_largest, expected) -> None:
    assert reading(lora, truncated, over_truncated, over_largest) == expected
    assert expected in MEANING


@pytest.mark.parametrize(
    ("low", "high", "level"),
    [
        (-1.99, -1, "near"),  # worse for sure, but by less than the margin
        (0.1, 2, "near"),
        (-2, -1, "short"),  # the margin itself is not within it
        (-5, -0.01, "short"),
        (-5, 0, "cannot be told"),
        (-5, 5, "cannot be told"),
    ],
)
def test_level_of_a_gap(low: float, high: float, level: str) -> None:
    assert between(low, high).level(MARGIN) == level


def test_a_reading_carries_its_numbers_and_says_them() -> None:
    found = read(4, Compared(SHORT, FAR, BETTER, None, "truncated"), MARGIN)
    assert found["rank"] == 4
    assert found["lora_is"] == found["truncated_is"] == "short"
    assert found["truncation"] == "truncated"
    assert found["lora_to_truncated"] == {"points": 1.6, "low": 0.2, "high": 3}
    assert found["lora_to_largest"] is None
    assert "+1.6 points (+0.2 to +3.0)" in found["reason"]
    assert "-8.0 points (-9.0 to -7.0)" in found["reason"]
    found = read(4, Compared(SHORT, FAR, BETTER, WORSE, "truncated"), MARGIN)
    assert "the largest LoRA cut to this rank -1.6 points (-3.0 to -0.2)" in found["reason"]
