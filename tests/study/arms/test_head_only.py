"""The head alone: how long it trains."""

from __future__ import annotations

import pytest

from study.arms import head_only
from study.training.loop import Run
from study.training.progress import Progress
from tests.study import toys
from tests.study.toys import saved


@pytest.mark.parametrize(("early_stopping", "ran"), [("auto", 8), (None, 8), (3, 4)])
def test_only_a_patience_that_was_asked_for_ends_it_early(early_stopping, ran):
    """At such a rate no head moves, so that no epoch is better than the first."""
    settings = toys.train_settings(early_stopping=early_stopping)
    assert toys.train_settings(early_stopping="auto").patience(8) == 4  # of the other arms
    model = toys.load(saved("bert"))
    feed = head_only.features(model, toys.prepared(), settings, toys.CPU)
    runs = [Run("head_only", None, 1e-30, seed) for seed in (0, 1)]
    for result in head_only.train_head_only(
        model, runs, feed, settings, 8, toys.CPU, Progress("toy", 2)
    ):
        assert result.best_epoch == 1
        assert len(result.validation) == ran
