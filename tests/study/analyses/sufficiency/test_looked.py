"""What a look told stands, and what the rest would take is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from study.analyses.results.sweep import Sweep, merits
from study.analyses.sufficiency.looked import Seen, first_told, seen
from study.analyses.sufficiency.record import sufficient_rank
from study.analyses.sufficiency.smaller import smaller_rows
from study.analyses.sufficiency.standing import lines, questions
from study.settings.statistics import StatisticsSettings
from study.statistics.looks import ONCE, Look
from tests.study.fake_records import fake_arm

STATISTICS = StatisticsSettings(
    0.95, 20, seed=0, margins=(3.0, 30.0), power=0.8, looks=None, budget=6, metric="auto"
)


def test_the_plan_ends_with_the_look_now():
    assert seen(None, 3, 3) == [Seen(9, ONCE)]
    assert seen((1, 3, 5), 3, 2) == [Seen(2, Look((0.2,))), Seen(6, Look((0.2, 0.6)))]


def test_the_first_look_that_told_stands_even_if_a_later_one_does_not_tell():
    told = {"verdict": "equivalent", "reason": "a", "difference": 1.0}
    later = {"verdict": "cannot be told", "reason": "b", "difference": 2.0}
    looks = [Seen(3), Seen(6)]
    assert first_told([[told], [later]], looks) == [
        {"verdict": "equivalent", "reason": "a", "difference": 2.0, "told_with": 3}
    ]
    assert first_told([[later], [told]], looks)[0]["told_with"] == 6
    assert first_told([[later], [later]], looks)[0]["told_with"] is None
    assert first_told([[later]], looks[:1]) == [later]


@pytest.fixture
def sweep() -> Sweep:
    """Nine seeds of arms that are alike."""
    options = {"seeds": range(9), "num_sentences": 400}
    lora = {rank: fake_arm("lora", rank, **options) for rank in (1, 8)}
    return Sweep(fake_arm("head_only", None, **options), fake_arm("full", None, **options), lora)


def record_of(sweep: Sweep, looks: list[Seen] | None) -> dict:
    validation = {rank: np.random.default_rng(rank).random((9, 100)) < 0.8 for rank in sweep.lora}
    return sufficient_rank(sweep, validation, (), STATISTICS, looks=looks)


def test_a_record_of_several_looks_says_which_and_is_wider_for_it(sweep: Sweep) -> None:
    once, thrice = record_of(sweep, None), record_of(sweep, seen((1, 2, 3, 5), 3, 3))
    assert "looks" not in once
    assert thrice["looks"] == [3, 6, 9]
    assert record_of(sweep, [Seen(9)]) == once
    width = {name: r["answer"]["high"] - r["answer"]["low"] for name, r in
             {"once": once, "thrice": thrice}.items()}  # fmt: skip
    assert width["thrice"] > width["once"]
    assert all("told_with" in question.row for question in questions(thrice))


def test_what_smaller_ranks_lose_is_wider_for_it_too(sweep: Sweep) -> None:
    of_lora = np.stack([merits(record) for record in sweep.lora.values()])
    (once,) = smaller_rows(of_lora, [1, 8], 1, STATISTICS)
    (paid,) = smaller_rows(of_lora, [1, 8], 1, STATISTICS, seen((1, 2, 3, 5), 3, 3)[-1].look)
    assert paid["difference"] == once["difference"]
    assert paid["low"] < once["low"]
    assert paid["high"] > once["high"]


def test_an_earlier_look_is_that_of_its_seeds_alone(sweep: Sweep) -> None:
    """What later seeds bring does not change what was told before."""
    looks = seen((1, 2, 3), 3, 3)
    full = sweep.full
    spoiled = tuple(
        dataclasses.replace(run, test_predictions=tuple(1 - p for p in run.test_predictions))
        if run.seed >= 6
        else run
        for run in full.runs
    )
    with_spoiled = dataclasses.replace(sweep, full=dataclasses.replace(full, runs=spoiled))
    early = {
        (q.rank, q.margin): q.row["verdict"]
        for q in questions(record_of(sweep, looks))
        if q.row["told_with"] and q.row["told_with"] < 9
    }
    assert early  # something was told before the last look
    late = {(q.rank, q.margin): q.row for q in questions(record_of(with_spoiled, looks))}
    assert {key: late[key]["verdict"] for key in early} == early


def test_it_says_what_is_told_and_what_the_rest_would_take(sweep: Sweep) -> None:
    said = list(lines(record_of(sweep, None)))
    asked = questions(record_of(sweep, None))
    told = sum(one.told for one in asked)
    assert said[0] == f"9 seeds, 400 test sentences: {told} of 4 verdicts told"
    assert said[1].startswith("recommended: rank ")
    assert ("open at 3 points" in " ".join(said)) == any(
        not one.told and one.margin == 3 for one in asked
    )
