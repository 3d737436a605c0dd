"""Stacking on constructed answers, where it is known what adding costs and gains."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from study.pages.figures import style
from study.settings.source import SourceSettings
from study.studies.stacking.answers import figure
from study.studies.stacking.answers.page import blocks
from study.studies.stacking.answers.record import stacking_record
from study.studies.stacking.combining.combinations import combinations
from study.studies.stacking.combining.right import Key, Right, both, load_right, save_right
from study.studies.stacking.settings import StackingSettings
from tests.study.analyses.agreement.made import STATISTICS

SOURCE = SourceSettings("x", None, "train", "text", "label", None)
NUMBER = 400


def settings(weights: tuple[float, ...] = (0.5, 1.0)) -> StackingSettings:
    return StackingSettings(SOURCE, 8, 8, 8, weights, ("query", "upper"))


def answers(share: float, seeds: int = 3) -> Right:
    return np.tile(np.arange(NUMBER) < share * NUMBER, (seeds, 1))


def made(shares: dict[str, tuple[float, float]], seeds: int = 3, **chosen: Any) -> dict[Key, Right]:
    """Accuracy on the first and the second task by kind or name, under every head alike."""
    found = {}
    for each in combinations(settings(**chosen)):
        first, second = shares.get(each.name, shares.get(each.kind, (0.8, 0.8)))
        for task, share in (("first", first), ("second", second)):
            for head in ("first", "second") + (() if each.kind == "alone" else ("mean",)):
                found[each.name, task, head] = answers(share, seeds)
    return found


def record(right: dict[Key, Right], **chosen: Any) -> dict[str, Any]:
    seeds = range(len(next(iter(right.values()))))
    other = {"kept": {"train": 1499, "test": 400}, "left_out": {"train": 1, "test": 0}}
    found = stacking_record(right, ("A", "B"), settings(**chosen), STATISTICS, list(seeds), other)
    json.dumps(found, allow_nan=False)
    return found


def verdict(found: dict[str, Any], words: str) -> str:
    (row,) = [row for row in found["claims"] if words in row["claim"]]
    return str(row["verdict"])


ALONE = {"alone-1-0": (0.9, 0.6), "alone-0-1": (0.5, 0.85)}


def test_what_adding_costs_and_gains_is_found() -> None:
    found = record(
        made(ALONE | {"sum": (0.8, 0.8), "truncated": (0.8, 0.8), "selected": (0.9, 0.7)})
    )
    for name in "AB":
        assert verdict(found, f"both at weight 1, costs {name}") == "holds"
    assert verdict(found, "weight 1 each under the mean of the heads") == "holds"
    assert verdict(found, "own task the sum at weight 1") == "holds"
    assert verdict(found, "rank of one adapter changes neither") == "holds"
    assert (
        verdict(found, "part of the model (in query only or in the upper layers only)") == "holds"
    )
    assert verdict(found, "mean of the two heads serves") == "holds"


def test_the_opposite_is_found_too() -> None:
    found = record(
        made(ALONE | {"sum": (0.99, 0.95), "truncated": (0.9, 0.8), "selected": (0.5, 0.5)})
    )
    for name in "AB":
        assert verdict(found, f"both at weight 0.5, costs {name}") == "does not hold"
    assert verdict(found, "rank of one adapter changes neither") == "does not hold"
    assert verdict(found, "in a part of the model") == "does not hold"
    worse = record(made(ALONE | {"sum": (0.4, 0.4)}))
    assert verdict(worse, "weight 1 each under the mean of the heads") == "does not hold"
    assert verdict(worse, "own task the sum at weight 1") == "does not hold"


@pytest.mark.parametrize(("seeds", "weights"), [(1, (1.0,)), (2, (2.0, 0.25))])
def test_every_study_is_tabled_and_drawn(seeds: int, weights: tuple[float, ...]) -> None:
    found = record(made(ALONE, seeds, weights=weights), weights=weights)
    rows = found["rows"]
    assert [row["kind"] for row in rows[:3]] == ["alone", "alone", "sum"]
    assert len(rows) == 2 + len(weights) ** 2 + 1 + 2
    assert "mean" not in rows[0]["first"]
    assert rows[0]["both"]["mean"] == pytest.approx(0.75)
    parts = blocks(found)
    assert parts["stacking"].count("\n| ") == len(rows) + 1
    assert "| A: mean head | A: other's head | B: own head |" in parts["stacking"]
    assert "second in the upper layers only |" in parts["stacking"]
    assert "of B 1 of 1,500 train and 0 of 400 test sentences are left out" in parts["stacking"]
    assert parts["stacking"].splitlines()[2].endswith("| 75.0 [72.0, 78.0] |")
    assert parts["figure"].startswith("![Test accuracy of every combination")
    assert parts["figure"].endswith(figure.caption(found))
    with style.styled():
        style.settle(figure.draw(found))
    assert "On A its own adapter scores 90.0 %, the other task's 50.0 %" in figure.caption(found)
    assert (
        "On both together, with one head, that sum scores 80.0 %, A alone 75.0 % and B alone"
        in (figure.caption(found))
    )
    assert "A alone: 90.0 % on A and 60.0 % on B" in figure.alternative(found)


def test_one_head_serves_both_tasks_where_both_are_told_together() -> None:
    right = made(ALONE)
    alone, other, total, *_ = combinations(settings())
    right[alone.name, "second", "second"][:] = False  # another head, which is not used
    right[total.name, "first", "mean"][:] = False
    assert both(alone, right).mean() == pytest.approx(0.75)
    assert both(other, right).mean() == pytest.approx((0.5 + 0.85) / 2)
    assert both(total, right).mean() == pytest.approx(0.4)


def test_tasks_of_unlike_sizes_say_both() -> None:
    right = {
        key: values[:, :300] if key[1] == "second" else values
        for key, values in made(ALONE).items()
    }
    assert "400 and 300 test sentences of the two tasks" in figure.alternative(record(right))


def test_answers_come_back_from_their_file(tmp_path: Any) -> None:
    right = made(ALONE)
    save_right(right, tmp_path / "x.safetensors")
    back = load_right(tmp_path / "x.safetensors")
    assert back.keys() == right.keys()
    assert all((back[key] == right[key]).all() for key in right)
