"""The theory figures' rows, from the real records at toy size."""

from __future__ import annotations

import pytest

from study.pages.figures.theory_rows import (
    BOUND,
    FITTED,
    GRADIENT,
    LEARNED,
    POPULATION,
    TRAIN,
    TRUNCATION,
    UNREACHED,
    UPDATE,
    bound_rows,
    scaling_rows,
)
from tests.study.fake_theory import TOY, toy_theory


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return bound_rows(*toy_theory())


def values(rows: list[dict], inputs: str, quantity: str, series: str) -> dict[int, float]:
    wanted = (inputs, quantity, series)
    return {
        row["rank"]: row["value"]
        for row in rows
        if (row["input"], row["quantity"], row["series"]) == wanted
    }


def test_rows_are_flat_and_of_one_shape(rows):
    for each in (rows, scaling_rows(toy_theory()[1])):
        assert len({tuple(row) for row in each}) == 1
        assert all(row["low"] <= row["value"] * (1 + 1e-12) for row in each)
        assert all(row["value"] <= row["high"] * (1 + 1e-12) for row in each)


@pytest.mark.parametrize("inputs", ["isotropic", "anisotropic"])
def test_the_learned_update_stands_on_the_bound_of_its_sample(rows, inputs):
    learned, bound = (values(rows, inputs, TRAIN, series) for series in (LEARNED, BOUND))
    assert list(learned) == TOY["ranks"]
    for rank, loss in learned.items():
        assert bound[rank] <= loss * (1 + 1e-9)
        assert loss == pytest.approx(bound[rank], rel=0.01)


@pytest.mark.parametrize("quantity", [TRAIN, POPULATION])
def test_nothing_is_below_the_bound(rows, quantity):
    for inputs in ("isotropic", "anisotropic"):
        bound = values(rows, inputs, quantity, BOUND)
        for series in (TRUNCATION, LEARNED, FITTED):
            for rank, value in values(rows, inputs, quantity, series).items():
                assert value >= bound[rank] * (1 - 1e-9)


def test_every_scaling_has_every_rank_and_quantity():
    rows = scaling_rows(toy_theory()[1])
    seen = {(r["optimizer"], r["scaling"], r["quantity"], r["rank"]) for r in rows}
    assert len(seen) == len(rows)
    assert {quantity for _, _, quantity, _ in seen} == {UNREACHED, UPDATE, GRADIENT}
    assert {scaling for _, scaling, _, _ in seen} == {"fixed", "rslora", "proportional"}
    assert len(rows) == 2 * 3 * 3 * len(TOY["ranks"])
