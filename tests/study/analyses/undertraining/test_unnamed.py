"""Classes that no seed of an arm names."""

from __future__ import annotations

import numpy as np

from study.analyses.undertraining.unnamed import SEEN, never_named

NAMES = ("a", "b", "c")
LABELS = np.array([0] * 40 + [1] * 40 + [2] * 20)


def logits(*named: int) -> np.ndarray:
    """Logits that name these classes in turn, (100, 3)."""
    return np.eye(3)[np.resize(named, 100)]


def test_a_class_counts_as_missed_if_no_seed_names_it():
    assert never_named([logits(0, 1), logits(0)], LABELS, NAMES) == [{"class": "c", "share": 0.2}]
    assert never_named([logits(0, 1), logits(2)], LABELS, NAMES) == []
    classes = [seed.argmax(axis=1) for seed in (logits(0, 1), logits(0))]
    assert never_named(classes, LABELS, NAMES)[0]["class"] == "c"


def test_a_class_that_hardly_occurs_and_numbers_are_not_looked_at():
    few = np.array([0] * 100 + [2] * (SEEN - 1))
    outputs = [np.eye(3)[np.zeros(len(few), int)]]
    assert never_named(outputs, few, NAMES) == []  # b has no sentence, c too few
    assert [m["class"] for m in never_named(outputs, np.append(few, 2), NAMES)] == ["c"]
    assert never_named([np.zeros((100, 1))], LABELS, ()) == []
