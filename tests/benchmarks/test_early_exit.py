"""What early exit would have picked: searches whose outcome is known, and a toy run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.early_choices import Point, Whole, from_record, judged, searches
from tests.benchmarks.command import call
from tests.study.fake_rates import arm, exited

# The score is misled at .2, the loss is not.
RATES = [
    Whole(0.1, {0.2: Point(0.5, -0.6), 0.5: Point(0.6, -0.5)}, 0.80, 0.78),
    Whole(0.2, {0.2: Point(0.4, -0.5), 0.5: Point(0.7, -0.4)}, 0.82, 0.81),
    Whole(0.4, {0.2: Point(0.6, -0.7), 0.5: Point(0.6, -0.7)}, 0.70, 0.74),
]


def only(rates: int, share: float, by: str) -> dict:
    rows = judged({"lora 8": RATES[::-1]})
    (found,) = [
        row for row in rows if (row["rates"], row["share"], row["by"]) == (rates, share, by)
    ]
    return found


def test_every_run_of_neighbours_is_a_search() -> None:
    found = [[whole.rate for whole in search] for search in searches(RATES[::-1], 2)]
    assert found == [[0.1, 0.2], [0.2, 0.4]]
    assert [len(search) for search in searches(RATES, 3)] == [3]


def test_costs_and_savings_are_those_of_the_pick() -> None:
    found = only(2, 0.2, "score")
    assert (found["searches"], found["same"], found["also_tied"]) == (2, 0, 0)
    assert found["validation_cost"] == pytest.approx((2 + 12) / 2)
    assert found["test_cost"] == pytest.approx((3 + 7) / 2)
    assert found["worst_test_cost"] == pytest.approx(7)
    assert found["saved"] == pytest.approx(0.5 * 0.8)
    assert only(2, 0.2, "loss")["same"] == 2
    assert only(2, 0.5, "score")["same"] == 2
    of_three = only(3, 0.5, "score")
    assert (of_three["same"], of_three["also_tied"], of_three["saved"]) == (1, 1, 0.0)
    assert only(3, 0.5, "loss")["saved"] == pytest.approx(0.5 / 3)


def test_a_record_knows_how_rates_stood_after_each_epoch() -> None:
    record = arm("lora", 8, {0.001: [0.8, 0.7], 0.002: [0.6, 0.9]})
    found = from_record(record)
    assert [whole.rate for whole in found] == [0.001, 0.002]
    assert [sorted(whole.stood) for whole in found] == [[1 / 3, 2 / 3]] * 2
    assert [whole.validation for whole in found] == pytest.approx([0.75, 0.75])
    assert [whole.rate for whole in from_record(exited(record, 0.001))] == [0.002]


def test_a_toy_study(study: Path) -> None:
    done = call(study, "stages.prepare")
    assert done.returncode == 0, done.stdout
    rates = ("--ranks", "2", "--rates", "0.001", "0.01", "0.03", "--full-rates", "0.001", "0.003")
    where = ("--shares", "0.3", "0.6", "--sentences", "24", "--out", ".")
    done = call(study, "benchmarks.early_exit", *rates, *where)
    assert done.returncode == 0, done.stdout
    (path,) = study.glob("quick-early-exit-*.json")
    found = json.loads(path.read_text())
    assert {name: len(rows) for name, rows in found["arms"].items()} == {"lora 2": 3, "full": 2}
    assert {(r["rates"], r["share"]) for r in found["rows"]} == {
        (count, share) for count in (2, 3) for share in (0.3, 0.6)
    }
    assert [r["searches"] for r in found["rows"] if r["rates"] == 2] == [3] * 4
    assert "same pick" in done.stdout
