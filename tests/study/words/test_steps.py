"""The number of steps is told before training, with what to do where they are few."""

from __future__ import annotations

import pytest

from study.settings.train import USUAL_STEPS
from study.words.steps import epochs_for, steps_words


def test_enough_steps_are_told_and_nothing_else():
    assert (
        steps_words(3000, 32, 2, 2) == "2 epochs of 94 steps are 188 steps; 180 or more are usual"
    )


def test_many_classes_are_told_to_take_more_steps():
    assert steps_words(2900, 32, 8, 77).endswith("728 steps; 693 or more are usual for 77 classes")
    assert "693 or more are usual for 77 classes" in steps_words(2900, 32, 2, 77)


def test_few_steps_are_told_with_the_command_that_makes_them_usual():
    """243 texts, of which a rank that had not trained was recommended."""
    words = steps_words(243, 32, 2, 3)
    assert words.startswith("2 epochs of 8 steps are 16 steps, and 180 or more are usual")
    assert words.endswith("dvc exp run -S train.epochs=23")


@pytest.mark.parametrize(("each", "epochs"), [(8, 23), (1, 180), (180, 1), (181, 1), (7.5, 24)])
def test_the_epochs_that_are_named_are_the_least_that_have_the_steps(each, epochs):
    assert epochs_for(USUAL_STEPS, each) == epochs
    assert epochs * each >= USUAL_STEPS > (epochs - 1) * each
