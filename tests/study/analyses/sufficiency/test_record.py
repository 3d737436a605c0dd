"""The record: chosen on validation, told on test, complete and in words for any study."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from study.analyses.results.sweep import Results
from study.analyses.sufficiency.answer import verdict
from study.analyses.sufficiency.reasons import reason
from study.analyses.sufficiency.record import sufficient_rank
from study.records.json_file import write_json
from study.settings import whole as settings
from tests.study.fake_records import fake_arm

PARAMS = Path(__file__).parents[4] / "params.yaml"
TWELVE = (64, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
STATISTICS = dataclasses.replace(settings.load(PARAMS).statistics, resamples=40)


def results(ranks=(1, 2, 8), seeds=(0, 1, 2), num_sentences=600, accuracy=None) -> Results:
    def arm(kind: str, rank: int | None = None):
        level = None if accuracy is None or rank is None else accuracy[rank]
        return fake_arm(kind, rank, seeds=seeds, num_sentences=num_sentences, accuracy=level)

    lora = {rank: arm("lora", rank) for rank in sorted(ranks)}
    return Results(arm("head_only"), arm("full"), lora, arm("lora", ranks[0]))


def validation(accuracy: dict[int, float], seeds: int = 3, sentences: int = 400):
    rng = np.random.default_rng(0)
    return {rank: rng.random((seeds, sentences)) < a for rank, a in accuracy.items()}


def record_of(name: str) -> dict:
    ranks = {"one": (8,), "twelve": TWELVE}.get(name, (1, 2, 8))
    seeds = (0,) if name in ("one", "one seed") else (0, 1, 2)
    right = validation(dict.fromkeys(ranks, 0.8), len(seeds))
    return sufficient_rank(results(ranks, seeds), right, (), STATISTICS)


@pytest.mark.parametrize("name", ["default", "one", "one seed", "twelve"])
def test_any_study_has_a_whole_record(name, tmp_path):
    record = record_of(name)
    write_json(tmp_path / "record.json", record)  # refuses what is no number
    ranks = [row["rank"] for row in record["differences"]]
    assert ranks == sorted(ranks)
    for part in ("recommended", "one_standard_error"):
        assert [row["rank"] for row in record[part]["ranks"]] == ranks
        assert record[part]["rank"] in ranks
    assert [entry["margin"] for entry in record["equivalence"]] == list(STATISTICS.margins)
    for entry in record["equivalence"]:
        assert [row["rank"] for row in entry["ranks"]] == ranks
        assert all(row["reason"] for row in entry["ranks"])
        found = [row["rank"] for row in entry["ranks"] if row["verdict"] == "equivalent"]
        assert entry["rank"] == (found[0] if found else None)
    assert len(record["choice"]) == 2 + len(STATISTICS.margins)
    for shares in record["choice"].values():
        assert sum(shares.values()) == pytest.approx(1)
        assert [key for key in shares if key != "none"] == [str(rank) for rank in ranks]


def test_a_rank_is_recommended_on_validation_not_on_test():
    test = results(accuracy={1: 0.85, 2: 0.8, 8: 0.7})
    record = sufficient_rank(test, validation({1: 0.6, 2: 0.7, 8: 0.9}), (), STATISTICS)
    assert record["recommended"]["rank"] == 8
    assert record["recommended"]["split"] == "validation"
    assert record["one_standard_error"]["rank"] == 1
    assert record["choice"]["one standard error on validation"]["8"] == 1
    assert record["choice"]["one standard error on test"]["1"] > 0.9


def test_differences_are_to_full_in_points_and_seed_by_seed():
    of_all = results()
    record = sufficient_rank(of_all, validation(dict.fromkeys((1, 2, 8), 0.8)), (), STATISTICS)
    first, full = of_all.lora[1], of_all.full
    by_seed = [
        100 * (one.test_score - other.test_score)
        for one, other in zip(first.picked(), full.picked(), strict=True)
    ]
    row = record["differences"][0]
    assert row["difference"] == pytest.approx(np.mean(by_seed))
    assert row["by_seed"] == pytest.approx(by_seed)
    assert row["low_together"] < row["low"] < row["difference"] < row["high"] < row["high_together"]


def test_verdicts_and_intervals_agree():
    """Within the margins with all ranks' interval: equivalent. Not with its own: not."""
    accuracy = {1: 0.70, 2: 0.79, 4: 0.81, 8: 0.825}
    of_all = results(tuple(accuracy), (0, 1, 2, 3, 4, 5), 3000, accuracy)
    right = validation(dict.fromkeys(accuracy, 0.8), 6)
    record = sufficient_rank(of_all, right, (), STATISTICS)
    seen = set()
    for entry in record["equivalence"]:
        m = entry["margin"]
        for row, interval in zip(entry["ranks"], record["differences"], strict=True):
            seen.add(row["verdict"])
            if -m < interval["low_together"] and interval["high_together"] < m:
                assert row["verdict"] == "equivalent"
            if interval["low"] < -m or m < interval["high"]:
                assert row["verdict"] != "equivalent"
            if interval["high_together"] < -m:
                assert row["verdict"] == "worse"
    assert {"equivalent", "worse"} <= seen


def test_one_seed_says_that_it_knows_sentences_alone():
    record = record_of("one seed")
    assert record["error_from"] == "sentences"
    assert record["trend"]["reason"] == "Page's test needs at least 2 seeds, here 1 seed"
    for entry in record["equivalence"]:
        for row in entry["ranks"]:
            assert row["seeds_needed"] is None
            if row["verdict"] == "cannot be told":
                assert "one seed does not show how seeds differ" in row["reason"]
    assert record_of("default")["error_from"] == "seeds and sentences"


def test_one_rank_is_the_one_recommended():
    record = record_of("one")
    assert record["recommended"]["rank"] == record["one_standard_error"]["rank"] == 8
    assert record["choice"]["one standard error on test"] == {"8": 1}


def test_one_test_sentence_is_no_crash():
    of_all = results(num_sentences=1)
    record = sufficient_rank(of_all, validation(dict.fromkeys((1, 2, 8), 0.8)), (), STATISTICS)
    json.dumps(record, allow_nan=False)
    row = record["equivalence"][0]["ranks"][0]
    assert row["verdict"] == "cannot be told"
    assert row["standard_error"] is None
    assert row["reason"] == "one test sentence says nothing of others"


def test_it_is_the_same_each_time_and_in_any_order_of_ranks():
    right = validation(dict.fromkeys((1, 2, 8), 0.8))
    once = sufficient_rank(results((1, 2, 8)), right, (), STATISTICS)
    assert sufficient_rank(results((8, 1, 2)), right, (), STATISTICS) == once


ROW = {
    "difference": -1.234,
    "standard_error": 0.456,
    "verdict": "cannot be told",
    "p_equivalent": 0.0123,
    "p_worse": 0.00001,
    "seeds_needed": 7,
    "sentences_needed": 118_891,
}


@pytest.mark.parametrize(
    ("change", "seeds", "words"),
    [
        ({}, 3, "for a truly equal rank about 7 seeds would settle it"),
        (
            {"seeds_needed": None},
            3,
            "more seeds on 3,000 test sentences would not settle it; "
            "for a truly equal rank about 120,000 sentences with 3 seeds would",
        ),
        (
            {"seeds_needed": None, "sentences_needed": None},
            3,
            "more seeds on 3,000 test sentences would not settle it, "
            "nor more sentences with 3 seeds",
        ),
        (
            {"seeds_needed": None},
            1,
            "one seed does not show how seeds differ; "
            "of sentences alone it would take about 120,000",
        ),
    ],
)
def test_what_it_would_take_is_told(change, seeds, words):
    told = reason(ROW | change, 1.0, seeds, 3000)
    assert told == (
        "we cannot say whether it is within 1 point: measured -1.23 points, standard error 0.46; "
        f"{words}"
    )


def test_a_verdict_is_told_with_its_p_value():
    equivalent = reason(ROW | {"verdict": "equivalent"}, 2.0, 3, 3000)
    assert equivalent == "-1.23 points: within 2 points of full fine-tuning (p = 0.012)"
    worse = reason(ROW | {"verdict": "worse"}, 0.5, 3, 3000)
    assert worse == "-1.23 points: more than 0.5 points below full fine-tuning (p < 0.0001)"


def test_a_rank_that_did_not_train_is_not_recommended_however_it_scores():
    test, right = results((1, 2, 8)), validation({1: 0.9, 2: 0.8, 8: 0.81})
    assert sufficient_rank(test, right, (), STATISTICS)["recommended"]["rank"] == 1
    record = sufficient_rank(test, right, (1,), STATISTICS)
    assert record["recommended"]["rank"] == 2
    assert record["recommended"]["of_all"] == 1
    assert record["recommended"]["untrained"] == [1]
    shares = record["choice"]["one standard error on validation"]
    assert shares["1"] == 0
    assert sum(shares.values()) == pytest.approx(1)
    none = sufficient_rank(test, right, (1, 2, 8), STATISTICS)
    assert none["recommended"]["rank"] is None
    assert none["answer"] is None
    assert none["choice"]["one standard error on validation"]["none"] == 1


def test_the_answers_verdicts_are_read_off_the_interval_of_the_recommended_rank():
    record = sufficient_rank(
        results((1, 2, 8)), validation(dict.fromkeys((1, 2, 8), 0.8)), (), STATISTICS
    )
    told = record["answer"]
    (row,) = [r for r in record["differences"] if r["rank"] == record["recommended"]["rank"]]
    assert told["difference"] == row["difference"]
    assert told["low"] < row["low"] < row["high"] < told["high"]  # two-sided
    for at in told["margins"]:
        assert at["verdict"] == verdict(told["low"], told["high"], at["margin"])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.9, 1.0, "equivalent"),
        (-3.0, -1.1, "worse"),
        (1.1, 3.0, "better"),
        (-1.5, 0.5, "cannot be told"),
        (-1.0, -1.0, "equivalent"),
    ],
)
def test_an_interval_has_one_verdict_at_a_margin(low, high, said):
    assert verdict(low, high, 1.0) == said


def test_every_smaller_rank_is_held_against_the_recommended_one() -> None:
    """On test; the intervals hold together, so that with one rank less each is narrower."""
    test = results((1, 2, 8), accuracy={1: 0.7, 2: 0.78, 8: 0.8})
    right = validation({1: 0.6, 2: 0.7, 8: 0.9})
    rows = sufficient_rank(test, right, (), STATISTICS)["smaller"]
    assert [row["rank"] for row in rows] == [1, 2]
    means = {rank: np.mean([run.test_score for run in arm.picked()])
             for rank, arm in test.lora.items()}  # fmt: skip
    for row in rows:
        assert row["difference"] == pytest.approx(100 * (means[row["rank"]] - means[8]))
        assert row["low"] < row["difference"] < row["high"]
    two = results((2, 8), accuracy={2: 0.78, 8: 0.8})
    (alone,) = sufficient_rank(two, {r: right[r] for r in (2, 8)}, (), STATISTICS)["smaller"]
    assert alone["difference"] == rows[1]["difference"]
    assert alone["high"] - alone["low"] < rows[1]["high"] - rows[1]["low"]
    assert (
        sufficient_rank(test, validation({1: 0.9, 2: 0.5, 8: 0.5}), (), STATISTICS)["smaller"] == []
    )
