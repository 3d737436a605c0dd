"""Learning rates on made-up sweeps whose best rates, exponents and conclusions are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from study.analyses.learning_rates.record import learning_rates
from study.analyses.results.sweep import Results
from study.settings import whole as settings
from tests.study.fake_rates import RATES, arm, exited, peaked, sweep

STATISTICS = dataclasses.replace(
    settings.load(Path(__file__).parents[4] / "params.yaml").statistics, resamples=200
)
FULL = {5e-5: [0.8, 0.8, 0.8], 1e-4: [0.82, 0.82, 0.82], 2e-4: [0.81, 0.81, 0.81]}


def record(results: Results, scaling: str = "fixed") -> dict:
    made = learning_rates(results, scaling, STATISTICS)
    json.dumps(made, allow_nan=False)
    return made


def of_best(best: dict[int, list[float]], rates=RATES) -> Results:
    """A sweep whose best rate by rank and seed is given."""
    lora = {rank: arm("lora", rank, peaked(peaks, rates)) for rank, peaks in best.items()}
    seeds = len(next(iter(best.values())))
    return sweep(lora, arm("full", None, {rate: row[:seeds] for rate, row in FULL.items()}))


def same(best: dict[int, float], seeds: int = 3) -> dict[int, list[float]]:
    return {rank: [rate] * seeds for rank, rate in best.items()}


# --- The best rate -------------------------------------------------------------------------------


def test_each_arm_has_its_rates_ascending_and_the_best():
    found = record(of_best(same({1: 0.004, 8: 0.002}), rates=RATES[::-1]))
    assert [(row["arm"], row["rank"]) for row in found["arms"]] == [
        ("head_only", None),
        ("lora", 1),
        ("lora", 8),
        ("full", None),
    ]
    first = found["arms"][1]
    assert [row["rate"] for row in first["rates"]] == list(RATES)
    assert [row["validation"] for row in first["rates"]] == pytest.approx(
        [0.78, 0.79, 0.8, 0.79, 0.78]
    )
    assert first["best"] == 0.004
    assert [row["chosen"] for row in first["rates"]] == [0, 0, 1, 0, 0]
    assert first["at_edge"] is None
    assert first["reason"] is None


def test_a_best_rate_that_hangs_on_the_seed_is_chosen_as_often_as_such_seeds_are_drawn():
    """Two seeds, each for another rate by as much: the first when both draws are of its own."""
    table = {0.001: [0.80, 0.70], 0.002: [0.71, 0.78]}
    results = sweep({2: arm("lora", 2, table)}, arm("full", None, {1e-4: [0.8, 0.8]}))
    rows = record(results)["arms"][1]["rates"]
    assert rows[0]["chosen"] == pytest.approx(0.75, abs=0.1)  # alone once in four, and when both
    assert rows[0]["chosen"] + rows[1]["chosen"] == pytest.approx(1)


def test_of_equal_rates_the_smaller_is_the_best_in_every_resample():
    table = {0.001: [0.7, 0.7], 0.002: [0.8, 0.7], 0.004: [0.8, 0.7]}
    results = sweep({2: arm("lora", 2, table)}, arm("full", None, {1e-4: [0.8, 0.8]}))
    found = record(results)["arms"][1]
    assert found["best"] == 0.002
    assert found["rates"][2]["chosen"] == 0


@pytest.mark.parametrize(
    ("best", "edge", "words"),
    [
        (0.001, "lowest", "the best is the lowest rate tried: a smaller one may be better"),
        (0.016, "highest", "the best is the highest rate tried: a larger one may be better"),
    ],
)
def test_a_best_rate_at_the_edge_of_the_grid_is_said(best, edge, words):
    found = record(of_best(same({1: best, 8: 0.004})))["arms"][1]
    assert found["at_edge"] == edge
    assert found["reason"] == words


def test_one_seed_tells_no_certainty():
    found = record(of_best(same({1: 0.004, 8: 0.002}, seeds=1)))
    assert found["arms"][1]["rates"][0]["chosen"] is None
    assert "one seed" in found["arms"][1]["reason"]
    assert found["exponent"]["low"] is None
    assert "one seed" in found["exponent"]["note"]


# --- The exponent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "value", "nearest"),
    [
        ({1: 0.004, 4: 0.004, 16: 0.004}, 0.0, "fixed"),
        ({1: 0.008, 4: 0.004, 16: 0.002}, -0.5, "proportional"),
        ({1: 0.008, 16: 0.004}, -0.25, "rslora"),
        ({1: 0.002, 2: 0.004, 4: 0.008}, 1.0, "fixed"),
    ],
)
def test_the_exponent_is_the_slope_of_the_logarithms(best, value, nearest):
    found = record(of_best(same(best)))["exponent"]
    assert found["value"] == pytest.approx(value)
    assert (found["low"], found["high"]) == pytest.approx((value, value))  # the seeds agree
    assert found["nearest"] == nearest
    assert found["note"] is None


def test_the_study_s_own_prediction_is_marked_and_each_is_held_against_the_interval():
    found = record(of_best(same({1: 0.008, 4: 0.004, 16: 0.002})), "rslora")["exponent"]
    rows = {row["scaling"]: row for row in found["predictions"]}
    assert [name for name, row in rows.items() if row["applies"]] == ["rslora"]
    assert {name: row["exponent"] for name, row in rows.items()} == {
        "fixed": 0,
        "rslora": -0.25,
        "proportional": -0.5,
    }
    assert rows["proportional"]["within"]
    assert rows["rslora"]["within"]  # a grid of doublings is too coarse to tell it from -1/2
    assert not rows["fixed"]["within"]


def test_the_resolution_is_the_slope_that_half_a_step_at_each_rank_can_make():
    found = record(of_best(same({1: 0.008, 4: 0.004, 16: 0.002})))["exponent"]
    assert found["grid_step"] == pytest.approx(2)
    worst = np.array([1, 0, -1]) * np.log(2) / 2  # the outer two half a step off, apart
    assert found["resolution"] == pytest.approx(abs(np.polyfit(np.log([1, 4, 16]), worst, 1)[0]))


def test_seeds_that_disagree_widen_the_interval():
    found = record(of_best({1: [0.008, 0.008, 0.004], 16: [0.002, 0.004, 0.004]}))["exponent"]
    assert found["low"] < found["value"] <= found["high"]
    assert found["high"] - found["low"] > 0.2


@pytest.mark.parametrize(
    ("best", "words"),
    [
        ({4: 0.004}, "one rank: nothing to compare its best learning rate with"),
        ({1: 0.001, 4: 0.001}, "at every rank the best is at the edge of the grid: try smaller"),
        ({1: 0.016, 4: 0.016}, "at every rank the best is at the edge of the grid: try larger"),
    ],
)
def test_where_there_is_no_exponent_it_says_why(best, words):
    found = record(of_best(same(best)))["exponent"]
    assert found["reason"].startswith(words)
    assert len(found["predictions"]) == 3


def test_ranks_at_the_edge_are_named():
    found = record(of_best(same({1: 0.016, 4: 0.004, 16: 0.001})))["exponent"]
    assert found["at_edge"] == [1, 16]
    assert found["note"].startswith("at ranks 1 and 16 the best is at the edge of the grid")


# --- The ratio to full fine-tuning ---------------------------------------------------------------


def test_the_ratio_is_to_full_fine_tunings_best():
    rows = record(of_best(same({1: 0.004, 8: 0.001})))["ratio_to_full"]
    assert [row["rank"] for row in rows] == [1, 8]
    assert [row["ratio"] for row in rows] == pytest.approx([40, 10])
    assert [row["low"] for row in rows] == pytest.approx([40, 10])
    assert [row["reason"] for row in rows] == [
        None,
        "LoRA's best is at the edge of what was tried",
    ]


def test_of_two_rates_no_best_is_known():
    """One rate is best for all ranks, but each grid of two follows its rank: no slope is told."""
    grids = {1: (0.002, 0.004), 8: (0.0006, 0.0012), 32: (0.0003, 0.0006)}
    scores = {1: [0.80, 0.79], 8: [0.80, 0.80], 32: [0.79, 0.80]}
    arms = {
        rank: arm("lora", rank, {rate: [s, s] for rate, s in zip(of, scores[rank], strict=True)})
        for rank, of in grids.items()
    }
    found = record(sweep(arms, arm("full", None, {1e-4: [0.8, 0.8], 2e-4: [0.7, 0.7]})))
    assert found["exponent"]["reason"].startswith("of two learning rates either is at the edge")
    assert "full fine-tuning's best is at the edge" in found["ratio_to_full"][0]["reason"]


def test_ranks_that_tried_different_rates_tell_no_exponent():
    grids = {1: (0.002, 0.004, 0.008), 8: (0.001, 0.002, 0.004)}
    arms = {
        rank: arm("lora", rank, {rate: [0.8, 0.8] for rate in of}) for rank, of in grids.items()
    }
    found = record(sweep(arms, arm("full", None, {1e-4: [0.8, 0.8]})))["exponent"]
    assert found["reason"].startswith("ranks tried different learning rates")


def test_a_ratio_of_settings_is_called_one():
    results = sweep({2: arm("lora", 2, {0.002: [0.8, 0.8]})}, arm("full", None, {1e-4: [0.8, 0.8]}))
    (row,) = record(results)["ratio_to_full"]
    assert row["ratio"] == pytest.approx(20)
    assert row["low"] is None
    assert row["reason"] == (
        "one rate was tried in LoRA and full fine-tuning, so the ratio is that of the settings"
    )


# --- One rate for all ranks ----------------------------------------------------------------------


def moving() -> Results:
    """Rank 1 is best at .008 and rank 16 at .002, where each is better than the other."""
    on_test = {
        1: {0.002: [0.60] * 3, 0.004: [0.75] * 3, 0.008: [0.80] * 3},
        16: {0.002: [0.81] * 3, 0.004: [0.78] * 3, 0.008: [0.70] * 3},
    }
    lora = {rank: arm("lora", rank, table, table) for rank, table in on_test.items()}
    return sweep(lora, arm("full", None, FULL))


def test_conclusions_are_those_of_each_rank_at_its_own_best():
    found = record(moving())["conclusions"]
    assert found["order"] == [16, 1]
    assert found["best_rank"] == 16


def test_what_turns_over_at_a_forced_rate_is_told():
    rows = record(moving())["forced"]
    assert [row["rate"] for row in rows] == [0.002, 0.004, 0.008]
    at_small, at_large = rows[0], rows[2]
    assert at_small["best_rank"] == 16
    assert not any("best on test" in words for words in at_small["turned_over"])
    assert "rank 1 within 2 points: “worse”, not “cannot be told”" in at_small["turned_over"]
    assert at_large["best_rank"] == 1
    assert "best on test is rank 1, not 16" in at_large["turned_over"]
    assert "ranks by test accuracy, best first: 1 and 16, not 16 and 1" in at_large["turned_over"]


def test_nothing_turns_over_where_every_rank_has_the_rate_already():
    rows = record(of_best(same({1: 0.004, 8: 0.004})))["forced"]
    assert {row["rate"]: row["turned_over"] for row in rows}[0.004] == []


def test_with_one_rate_there_is_nothing_to_force_and_each_part_says_so():
    table = {0.002: [0.8, 0.81]}
    results = sweep(
        {1: arm("lora", 1, table), 4: arm("lora", 4, table)},
        arm("full", None, {1e-4: [0.82, 0.83]}),
    )
    found = record(results)
    assert found["forced"] == {
        "reason": "one learning rate was tried, so all ranks have it already"
    }
    assert found["exponent"]["reason"].startswith("one learning rate was tried")
    for row in found["arms"][1:]:
        assert row["reason"].startswith("only ")
        assert row["rates"][0]["chosen"] is None


def test_it_is_the_same_each_time():
    assert record(moving()) == record(moving())


# --- Early exit ----------------------------------------------------------------------------------


def test_rates_that_were_dropped_early_are_named_with_what_they_went_by():
    whole = arm("lora", 4, peaked([0.004] * 3))
    early = exited(whole, 0.001, 0.016)
    full = arm("full", None, FULL)
    found = record(sweep({4: early}, full))["arms"][1]
    assert [row["rate"] for row in found["rates"]] == [0.002, 0.004, 0.008]
    assert [row["rate"] for row in found["dropped"]] == [0.001, 0.016]
    assert [row["validation"] for row in found["dropped"]] == pytest.approx([0.68, 0.68])
    assert {(row["step"], row["steps"]) for row in found["dropped"]} == {(5, 20)}
    assert (found["best"], found["at_edge"], found["reason"]) == (0.004, None, None)
    assert "dropped" not in record(sweep({4: whole}, full))["arms"][1]


def test_a_best_rate_beside_a_dropped_one_is_not_at_the_edge():
    early = exited(arm("lora", 4, peaked([0.004] * 3)), 0.008, 0.016)
    results = sweep({4: early}, arm("full", None, FULL))
    assert record(results)["arms"][1]["at_edge"] is None


def test_of_two_rates_one_of_which_was_dropped_no_certainty_is_told():
    early = exited(arm("lora", 4, {0.002: [0.8] * 3, 0.004: [0.7] * 3}), 0.004)
    found = record(sweep({4: early}, arm("full", None, FULL)))
    (row,) = found["arms"][1]["rates"]
    assert row["chosen"] is None
    assert found["arms"][1]["at_edge"] == "lowest"
    assert found["ratio_to_full"][0]["low"] is None
    assert "at the edge of what was tried" in found["ratio_to_full"][0]["reason"]


def test_a_rate_is_forced_on_all_ranks_only_if_all_were_trained_whole_at_it():
    lora = {rank: arm("lora", rank, peaked([0.004] * 3)) for rank in (1, 8)}
    full = arm("full", None, FULL)
    early = {1: exited(lora[1], 0.001, 0.016), 8: exited(lora[8], 0.001, 0.002)}
    assert [row["rate"] for row in record(sweep(early, full))["forced"]] == [0.004, 0.008]
    apart = {1: exited(lora[1], *RATES[1:]), 8: exited(lora[8], *RATES[:-1])}
    said = record(sweep(apart, full))["forced"]
    assert said == {"reason": "no learning rate was trained whole at every rank"}
    left = {rank: exited(each, *RATES[1:]) for rank, each in lora.items()}
    assert record(sweep(left, full))["forced"] == {
        "reason": "early exit left one learning rate, so all ranks have it already"
    }
