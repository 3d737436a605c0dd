"""The record on constructed arms whose levels and differences are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from study.analyses.capacity.record import (
    CURVES,
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
from study.settings.statistics import StatisticsSettings

STATISTICS = StatisticsSettings(
    0.95, 300, 0, margins=(0.5, 2.0, 1.0), power=0.8, looks=None, budget=6, metric="auto"
)
SENTENCES = 4000


def right(accuracy: float, seeds: int = 3) -> NDArray[np.bool_]:
    """The first sentences right, so that two arms differ in no more than they must."""
    row = np.arange(SENTENCES) < round(accuracy * SENTENCES)
    return np.tile(row, (seeds, 1))


def comparison(
    levels: dict[Arm, float], seeds: int = 3, validation: dict[Arm, float] | None = None
) -> Comparison:
    """Validation as test, if nothing else is said."""
    cut = {arm: level for arm, level in levels.items() if arm[0] in (PLAIN, WEIGHTED)}
    return Comparison(
        {arm: right(level, seeds) for arm, level in levels.items()},
        {arm: right(level, seeds)[:, ::4] for arm, level in (cut | (validation or {})).items()},
        modules={"a.query": (4, 6), "a.dense": (10, 4)},
        target_modules=("a.query",),
        differing={FULL: [0] * seeds, LORA: [0] * seeds},
    )


def levels(ranks: tuple[int, ...] = (8, 2)) -> dict[Arm, float]:
    """Full at 90 %; LoRA short of it and above the plain cut at 2, level with full at 8."""
    found: dict[Arm, float] = {(FULL, None): 0.9, (RANK_ZERO, None): 0.6, (TARGETS, None): 0.5}
    for rank in ranks:
        found |= {
            (PLAIN, rank): 0.7 if rank == 2 else 0.89,
            (WEIGHTED, rank): 0.75 if rank == 2 else 0.88,
            (LORA, rank): 0.8 if rank == 2 else 0.9,
            (LARGEST, rank): 0.65 if rank == 2 else 0.9,
        }
    return found


def test_accuracies_gaps_and_order_are_those_of_the_arms() -> None:
    record = capacity_record(comparison(levels()), STATISTICS, (2, 0, 1))
    assert set(record["curves"]) == set(CURVES)
    for curve in CURVES:
        rows = record["curves"][curve]
        assert [row["rank"] for row in rows] == [2, 8]
        for row in rows:
            level = levels()[curve, row["rank"]]
            assert row["accuracy"] == pytest.approx(level)
            assert row["low"] <= row["accuracy"] <= row["high"]
            assert row["gap_to_full"] == pytest.approx(100 * (level - 0.9))
            assert row["gap_to_full_low"] <= row["gap_to_full"] <= row["gap_to_full_high"]
    assert record["full"]["accuracy"] == pytest.approx(0.9)
    assert record["rank_zero"]["gap_to_full"] == pytest.approx(-30)
    assert record["target_modules_alone"]["gap_to_full"] == pytest.approx(-40)
    assert record["largest_rank"] == 8
    assert record["seeds"] == [0, 1, 2]
    assert record["sentences"] == SENTENCES
    assert record["margin"] == 2.0


def test_a_gap_is_paired() -> None:
    """All arms agree but on one sentence in a hundred: the gap is far surer than either level."""
    record = capacity_record(comparison(levels()), STATISTICS, (0, 1, 2))
    row = record["curves"][PLAIN][1]
    assert row["gap_to_full"] == pytest.approx(-1)
    assert row["gap_to_full_high"] - row["gap_to_full_low"] < 0.5 * 100 * (row["high"] - row["low"])
    same = record["curves"][LORA][1]
    assert same["gap_to_full_high"] == -same["gap_to_full_low"] < 0.1  # 3 answers may go unseen


def test_readings_take_the_truncation_that_is_better_on_validation() -> None:
    other = {(PLAIN, 2): 0.9, (WEIGHTED, 2): 0.8, (PLAIN, 8): 0.7, (WEIGHTED, 8): 0.7}
    record = capacity_record(comparison(levels(), validation=other), STATISTICS, (0, 1, 2))
    small, large = record["readings"]
    assert (small["truncation"], large["truncation"]) == (PLAIN, WEIGHTED)
    assert small["lora_to_truncated"]["points"] == pytest.approx(10)  # test's, of the plain one
    rows = record["curves"][PLAIN]
    assert [row["validation_accuracy"] for row in rows] == pytest.approx([0.9, 0.7])
    assert "validation_accuracy" not in record["curves"][LORA][0]
    assert record["validation_sentences"] == SENTENCES / 4


def test_readings_of_arms_of_known_levels() -> None:
    record = capacity_record(comparison(levels()), STATISTICS, (0, 1, 2))
    assert record["alpha"] == 0.05
    small, large = record["readings"]
    assert (small["rank"], small["truncation"], small["reading"]) == (
        2,
        WEIGHTED,
        "uses its room better",
    )
    assert small["lora_to_truncated"]["points"] == pytest.approx(5)
    assert small["lora_to_largest"]["points"] == pytest.approx(15)
    assert (large["rank"], large["truncation"], large["reading"]) == (8, PLAIN, "room enough")
    assert large["lora_to_largest"] is None
    assert {r["reading"] for r in record["readings"]} <= set(record["meaning"])


def test_a_badly_trained_rank_is_seen() -> None:
    found = levels() | {(LARGEST, 2): 0.85}
    record = capacity_record(comparison(found), STATISTICS, (0, 1, 2))
    assert record["readings"][0]["reading"] == "badly trained"
    assert record["readings"][0]["lora_to_largest"]["points"] == pytest.approx(-5)


@pytest.mark.parametrize(("seeds", "source"), [(1, "sentences"), (2, "seeds and sentences")])
def test_the_record_says_where_its_intervals_come_from(seeds: int, source: str) -> None:
    found = comparison(levels((3,)), seeds)
    record = capacity_record(found, STATISTICS, range(seeds))
    assert record["error_from"] == source
    assert record["full"]["low"] < record["full"]["high"]
    assert len(record["readings"]) == 1


def test_numbers_per_rank_count_both_factors_of_every_matrix() -> None:
    record = capacity_record(comparison(levels()), STATISTICS, (0, 1, 2))
    assert record["numbers_per_rank"] == {PLAIN: 10 + 14, LORA: 10}
    assert record["modules"] == ["a.query", "a.dense"]
    assert record["target_modules"] == ["a.query"]
