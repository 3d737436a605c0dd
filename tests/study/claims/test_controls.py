"""What seeds share says nothing without a control: simulated runs that learn nothing share too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from study.claims.controls import beyond, pseudo_values
from study.claims.list import CLAIMS
from study.claims.verdicts import HOLDS, CannotTell
from tests.study.claims.cases.subspace import replicated, shuffled

SEEDS, MATRICES, WIDTH, STUDIES = 4, 8, 60, 300
CHANCE = 0.1  # a cosine's square that two of 60 dimensions have by chance less than once in a 100
STRUCTURED = next(claim.test for claim in CLAIMS if claim.name == "updates_are_structured")


def strongest(rng: np.random.Generator, common: np.ndarray, learned: float) -> np.ndarray:
    """Return each seed's strongest directions, (seeds, matrices, width).

    All lean to `common`, which is there before any label is seen, and to what is learned.
    """
    task = rng.normal(size=(MATRICES, WIDTH))
    found = common + learned * task + rng.normal(size=(SEEDS, MATRICES, WIDTH))
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def alike(directions: np.ndarray) -> np.ndarray:
    """Return phi(1, 1) of all pairs of seeds, (seeds, seeds, matrices)."""
    return np.einsum("smd,tmd->stm", directions, directions) ** 2


def by_seed(pairs: np.ndarray) -> list[float]:
    """Return each seed's mean over its own pairs and all matrices."""
    means = pairs.mean(axis=-1)
    return ((means.sum(axis=1) - means.diagonal()) / (SEEDS - 1)).tolist()


def holds_in(learned: float) -> tuple[float, float]:
    """Return in which share of studies the claim held, by the old null and against the control."""
    rng, old, new = np.random.default_rng(3), 0, 0
    for _ in range(STUDIES):
        common = rng.normal(size=(MATRICES, WIDTH))
        task, control = (alike(strongest(rng, common, of)) for of in (learned, 0.0))
        others = task[~np.eye(SEEDS, dtype=bool)].mean(axis=0)
        old += bool((others > CHANCE).mean() > 0.5)
        new += STRUCTURED(shuffled(by_seed(task), by_seed(control))).verdict == HOLDS
    return old / STUDIES, new / STUDIES


def test_runs_that_learn_nothing_share_directions_and_the_control_knows():
    old, new = holds_in(0.0)
    assert old > 0.95
    assert new <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / STUDIES)


def test_runs_that_learn_the_same_are_told_from_those_that_learn_nothing():
    assert holds_in(1.0)[1] > 0.9


def test_without_the_control_nothing_is_told_and_the_run_that_would_tell_is_named():
    with pytest.raises(
        CannotTell, match="same sentences with shuffled labels would tell"
    ) as raised:
        STRUCTURED(replicated(*[1] * 74))
    assert raised.value.numbers == {"shared": 74, "comparisons": 74}


def test_pseudo_values_are_those_of_leaving_one_seed_out():
    """Of a mean over pairs: S times the whole less S - 1 times the mean without a seed's pairs."""
    pairs = {(0, 1): 0.1, (0, 2): 0.4, (0, 3): 0.2, (1, 2): 0.7, (1, 3): 0.3, (2, 3): 0.6}
    own = [np.mean([value for pair, value in pairs.items() if s in pair]) for s in range(4)]
    whole = np.mean(list(pairs.values()))
    expected = []
    for seed in range(4):
        rest = itertools.combinations(sorted({0, 1, 2, 3} - {seed}), 2)
        expected.append(4 * whole - 3 * np.mean([pairs[pair] for pair in rest]))
    assert pseudo_values(own) == pytest.approx(expected)
    found = beyond({"task": own, "shuffled": [0.1, 0.2, 0.3, 0.2]})
    assert found.value == pytest.approx(whole - 0.2)
