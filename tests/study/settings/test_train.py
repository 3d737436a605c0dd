"""Epochs and patience that the study chooses for itself."""

from __future__ import annotations

import pytest

from study.settings.train import USUAL_EPOCHS, USUAL_STEPS, usual_steps
from tests.study.toys import train_settings


@pytest.mark.parametrize(
    ("sentences", "epochs"), [(1, 180), (48, 90), (243, 23), (990, 6), (2900, 2), (67349, 2)]
)
def test_auto_gives_every_file_the_usual_steps_and_no_epoch_more(sentences, epochs):
    train = train_settings(batch_size=32, epochs="auto")
    assert train.epochs_of(sentences, 2) == epochs
    steps = train.steps_of(sentences)
    assert epochs * steps >= USUAL_STEPS
    assert epochs == USUAL_EPOCHS or (epochs - 1) * steps < USUAL_STEPS


@pytest.mark.parametrize(
    ("sentences", "classes", "epochs"), [(2900, 77, 8), (990, 20, 6), (67349, 77, 2)]
)
def test_auto_gives_many_classes_more_steps(sentences, classes, epochs):
    train = train_settings(batch_size=32, epochs="auto")
    assert train.epochs_of(sentences, classes) == epochs
    assert epochs * train.steps_of(sentences) >= usual_steps(classes)


def test_a_number_of_epochs_is_kept_whatever_the_file():
    train = train_settings(epochs=3)
    assert {train.epochs_of(sentences, 2) for sentences in (1, 243, 67349)} == {3}


@pytest.mark.parametrize(("epochs", "patience"), [(1, 2), (2, 2), (5, 3), (90, 45)])
def test_auto_waits_half_of_all_epochs_for_a_better_one(epochs, patience):
    assert train_settings(early_stopping="auto").patience(epochs) == patience


@pytest.mark.parametrize("asked", [None, 1, 7])
def test_a_patience_that_was_asked_for_is_kept(asked):
    train = train_settings(early_stopping=asked)
    assert train.patience(90) == train.of_the_head().patience(90) == asked


def test_auto_never_stops_the_head_alone():
    train = train_settings(early_stopping="auto")
    assert train.of_the_head().patience(100) is None
    assert train.of_the_head() == train_settings(early_stopping=None)
