"""Splitting: exact sizes, classes in proportion, no family in two splits, training sets nested."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from study.data.splitting import stratified_order, stretches
from study.entry.errors import StudyError

labels_of = st.lists(st.integers(0, 3), min_size=1, max_size=60)


Sizes = list[tuple[str, int | None]]


class Case(NamedTuple):
    """What to split, and into test, validation and train of which sizes."""

    labels: list[int]
    families: np.ndarray
    sizes: list[int]
    seed: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Labels, families, three sizes and a seed that fit together."""
    labels = draw(labels_of)
    n = len(labels)
    relatives = draw(st.lists(st.integers(0, max(0, n - 1)), min_size=n, max_size=n))
    families = np.array(relatives) if draw(st.booleans()) else np.arange(n)
    sizes = draw(st.lists(st.integers(1, max(1, n // 3)), min_size=3, max_size=3))
    return Case(labels, families, sizes, draw(st.integers(0, 99)))


def cut(case: Case, train: int | None) -> list[np.ndarray]:
    """Test, validation, and `train` sentences for training."""
    test, validation, _ = case.sizes
    named: Sizes = [("test", test), ("validation", validation), ("train", train)]
    try:
        found = stretches(case.labels, case.families, named, case.seed, "data")
    except StudyError:
        reject()
    return [stretch.chosen for stretch in found]


@given(cases())
def test_splits_have_the_sizes_asked_for_and_share_no_family(case: Case) -> None:
    found = cut(case, case.sizes[2])
    assert [len(chosen) for chosen in found] == case.sizes
    together = np.concatenate(found).tolist()
    assert len(set(together)) == len(together)
    members = [set(case.families[chosen].tolist()) for chosen in found]
    for one, other in itertools.combinations(members, 2):
        assert not one & other


@given(case=cases(), more=st.integers(0, 30))
def test_more_training_data_contain_less_and_move_no_other_split(case: Case, more: int) -> None:
    everything = cut(case, None)
    few = cut(case, case.sizes[2])
    many = cut(case, min(case.sizes[2] + more, len(everything[2])))
    for smaller, larger in ((few, many), (many, everything)):
        assert smaller[0].tolist() == larger[0].tolist()
        assert smaller[1].tolist() == larger[1].tolist()
        assert smaller[2].tolist() == larger[2].tolist()[: len(smaller[2])]


@given(cases())
def test_everything_is_chosen_or_set_aside_as_a_relative(case: Case) -> None:
    named: Sizes = [("test", case.sizes[0]), ("train", None)]
    try:
        test, train = stretches(case.labels, case.families, named, case.seed, "data")
    except StudyError:
        reject()
    assert len(test.chosen) + test.relatives + len(train.chosen) == len(case.labels)
    aside = set(range(len(case.labels))) - {*test.chosen.tolist(), *train.chosen.tolist()}
    assert set(case.families[list(aside)].tolist()) <= set(case.families[test.chosen].tolist())


@given(labels=labels_of)
def test_every_prefix_of_the_order_is_stratified(labels: list[int]) -> None:
    """Class c holds m n_c / N of the first m of N, to within 1/2 + C n_c / 2N."""
    classes = np.array(labels)
    ordered = classes[stratified_order(classes)]
    present, counts = np.unique(classes, return_counts=True)
    for m in range(len(labels) + 1):
        held = (ordered[:m, None] == present).sum(axis=0)
        off = np.abs(held - m * counts / len(labels))
        assert (off <= 0.5 + len(present) * counts / (2 * len(labels)) + 1e-9).all()


def test_equal_classes_stay_equal() -> None:
    labels = [0, 1] * 50
    named: Sizes = [("test", 30), ("validation", 10), ("train", 40)]
    for stretch in stretches(labels, np.arange(100), named, 0, "data"):
        assert (
            np.bincount(np.array(labels)[stretch.chosen]).tolist() == [len(stretch.chosen) // 2] * 2
        )


def test_the_seed_decides_and_nothing_else() -> None:
    draws: list[list[list[int]]] = []
    for seed in (0, 0, 1):
        np.random.seed(len(draws))  # a shared state, which must not be read
        case = Case([0, 1] * 50, np.arange(100), [20, 20, 20], seed)
        draws.append([chosen.tolist() for chosen in cut(case, 20)])
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([("data.test_size", 11)], r"^data.test_size: 11; allowed: at most 10 \(of 10 sentences"),
        (
            [("data.test_size", 4), ("data.validation_size", 4), ("data.train_size", 3)],
            r"^data.train_size: 3; allowed: at most 2 \(of 10 sentences in some.csv, "
            r"after data.test_size: 4, data.validation_size: 4, 0 relatives of these\)",
        ),
        (
            [("data.test_size", 10), ("data.train_size", None)],
            "^data.train_size: null; allowed: at",
        ),
    ],
)
def test_more_than_there_is_is_refused_with_what_there_is(sizes: Sizes, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        stretches([0, 1] * 5, np.arange(10), sizes, 0, "some.csv")


def test_relatives_are_named_where_they_take_the_room() -> None:
    families = np.array([0] * 8 + [8, 9])
    with pytest.raises(StudyError, match=r"after data.test_size: 5, [0-9]+ relatives of these"):
        stretches([0, 1] * 5, families, [("data.test_size", 5), ("data.train_size", 5)], 0, "x")
