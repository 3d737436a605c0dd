"""Greedy by energy a parameter is the best that so many parameters can keep."""

from __future__ import annotations

import itertools

import pytest
import torch

from audit import allotment
from audit.directions import Directions, directions, repeated
from audit.saved import Module


def of(name: str, values: list[float], features: tuple[int, int] = (3, 4)) -> Directions:
    module = Module(name, False, len(values), *features, 1.0, torch.float32)
    return Directions(module, torch.tensor(values, dtype=torch.float64), 0)


FOUND = [of("a", [5, 2, 1, 0.5]), of("b", [4, 3, 0.1, 0]), of("c", [2, 1.5, 1.2, 1.1])]


@pytest.mark.parametrize("directions_kept", range(1, 12))
def test_no_other_choice_of_as_many_parameters_keeps_more(directions_kept: int) -> None:
    budget = 7 * directions_kept + 3  # modules of one cost: 7 a direction
    ranks = allotment.best(FOUND, budget)
    assert allotment.parameters(FOUND, ranks) <= budget
    every = (
        dict(zip("abc", chosen, strict=True))
        for chosen in itertools.product(range(5), repeat=3)
        if 7 * sum(chosen) <= budget
    )
    most = max(allotment.energy(FOUND, other) for other in every)
    assert allotment.energy(FOUND, ranks) == pytest.approx(most, rel=1e-12)


def test_the_energy_of_a_direction_is_weighed_by_its_cost() -> None:
    dear, cheap = of("dear", [3.0], (90, 10)), of("cheap", [2.0], (5, 5))
    assert [name for name, *_ in allotment.greedy([dear, cheap])] == ["cheap", "dear"]
    assert allotment.best([dear, cheap], 99) == {"dear": 0, "cheap": 1}
    assert allotment.best([dear, cheap], 109) == {"dear": 0, "cheap": 1}
    assert allotment.best([dear, cheap], 110) == {"dear": 1, "cheap": 1}


def test_what_does_not_fit_makes_room_for_what_does() -> None:
    dear, cheap = of("dear", [9.0], (90, 10)), of("cheap", [0.1], (5, 5))
    assert allotment.best([dear, cheap], 50) == {"dear": 0, "cheap": 1}


def test_directions_without_energy_are_never_bought() -> None:
    assert allotment.best(FOUND, 10**6) == {"a": 4, "b": 3, "c": 4}


def test_a_module_that_cannot_be_left_out_keeps_a_direction() -> None:
    found = [of("a", [5, 4, 3]), of("b", [0.1, 0, 0]), of("zero", [0, 0, 0])]
    assert allotment.best(found, 28, least=1) == {"a": 2, "b": 1, "zero": 1}
    with pytest.raises(ValueError, match="too few"):
        allotment.best(found, 20, least=1)


def test_too_few_parameters_for_any_direction() -> None:
    with pytest.raises(ValueError, match="too few"):
        allotment.best(FOUND, 6)


def test_the_uniform_rank_is_the_least_that_keeps_the_share_in_all() -> None:
    whole = sum(float(one.squares.sum()) for one in FOUND)
    kept = [sum(float(one.squares[:r].sum()) for one in FOUND) / whole for r in range(5)]
    for rank in (1, 2, 3, 4):
        assert allotment.uniform_rank(FOUND, kept[rank] - 1e-9) == rank
        if rank < 4:
            assert allotment.uniform_rank(FOUND, kept[rank] + 1e-9) == rank + 1
    assert allotment.energy(FOUND, allotment.uniform(FOUND, 2)) == pytest.approx(kept[2])
    with pytest.raises(ValueError, match="zero"):
        allotment.uniform_rank([of("zero", [0, 0])], 0.5)


def test_the_least_share_of_parameters_is_that_of_the_best_ranks() -> None:
    whole = 7 * 12
    for share in (0.3, 0.9, 0.95, 1.0):
        least = allotment.share_for(FOUND, share)
        spent = round(least * whole)
        assert allotment.energy(FOUND, allotment.best(FOUND, spent)) >= share - 1e-12
        if spent > 7:
            assert allotment.energy(FOUND, allotment.best(FOUND, spent - 7)) < share


def test_singular_values_are_those_of_the_dense_update() -> None:
    draw = torch.Generator().manual_seed(0)
    A = torch.randn(4, 9, generator=draw, dtype=torch.float64)
    B = torch.randn(7, 4, generator=draw, dtype=torch.float64)
    B[:, 3] = B[:, 0] - B[:, 1]
    A[3] = A[2]
    module = Module("m", False, 4, 9, 7, 0.5, torch.float32)
    (found,) = directions([(module, A, B)])
    dense = torch.linalg.svdvals(0.5 * B @ A)[:4]
    torch.testing.assert_close(found.S, dense, rtol=1e-10, atol=1e-12)
    (none,) = directions([(module, A, torch.zeros_like(B))])
    assert not none.S.any()


def test_what_is_rounding_of_the_factors_is_no_direction() -> None:
    A = torch.eye(3, 9, dtype=torch.float64)
    B = torch.eye(7, 3, dtype=torch.float64) * torch.tensor([1.0, 1e-3, 1e-9])
    module = Module("m", False, 3, 9, 7, 1.0, torch.float32)
    (found,) = directions([(module, A, B)])
    torch.testing.assert_close(found.S, torch.tensor([1.0, 1e-3, 0.0], dtype=torch.float64))


def test_a_part_that_repeats_an_earlier_one_is_counted_once() -> None:
    A = torch.eye(4, 9, dtype=torch.float64)
    B = torch.eye(7, 4, dtype=torch.float64)
    assert repeated(A, B) == 0
    A[2], B[:, 2] = -3 * A[0], 2 * B[:, 0]  # the same part, larger and turned round
    assert repeated(A, B) == 1
    A[3], B[:, 3] = A[0], B[:, 0]
    assert repeated(A, B) == 2
    B[:, 2] = torch.eye(7, dtype=torch.float64)[6]  # reads the same, writes elsewhere
    assert repeated(A, B) == 1
    assert repeated(A, torch.zeros_like(B)) == 0


def test_the_cosine_of_two_parts_is_that_of_their_matrices() -> None:
    draw = torch.Generator().manual_seed(1)
    b, a, noise = (torch.randn(5, generator=draw, dtype=torch.float64) for _ in range(3))
    for weight in (0.1, 0.3, 0.5, 0.8):
        other = a + weight * noise
        one, two = torch.outer(b, a), torch.outer(b, other)
        cosine = float((one * two).sum() / (one.norm() * two.norm()))
        A, B = torch.stack([a, other]), torch.stack([b, b], dim=1)
        assert repeated(A, B) == (abs(cosine) >= 0.9)
