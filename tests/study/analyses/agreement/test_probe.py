"""The linear probe beside runs of full fine-tuning, of predictions that are made up."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from study.analyses.agreement.probe import of_probe
from study.probes.record import LinearProbe
from study.statistics.crossed import crossed_interval
from tests.study.analyses.agreement.test_disagreement import arm
from tests.study.fake_records import fake_probe

CONFIDENCE = 0.95


def probe(predictions: np.ndarray, beside: Any) -> LinearProbe:
    """A probe of these predictions (n,) on an arm's sentences, whose class is 0."""
    return dataclasses.replace(
        fake_probe(beside),
        test_predictions=tuple(int(c) for c in predictions),
        test_score=float(np.mean(predictions == 0)),
    )


def test_it_is_held_against_every_run_of_full_fine_tuning() -> None:
    tuned = np.zeros((3, 100), dtype=int)
    tuned[1, :10] = tuned[2, :30] = 1
    full = arm("full", tuned)
    own = np.zeros(100, dtype=int)
    own[:20] = 1  # so other answers than the runs on 20, 10 and 10 sentences
    row = of_probe(probe(own, full), full, CONFIDENCE)
    assert (row["arm"], row["rank"]) == ("linear_probe", None)
    assert row["mean"] == pytest.approx((20 + 10 + 10) / 300)
    expected = crossed_interval(own != tuned, CONFIDENCE, least=0, most=1)
    assert (row["low"], row["high"]) == (expected.low, expected.high)
    # Accuracies are 0.8 beside 1, 0.9 and 0.7.
    assert row["forced_by_accuracy"] == pytest.approx((0.2 + 0.1 + 0.1) / 3)


@pytest.mark.parametrize("seeds", [1, 3])
def test_what_takes_two_runs_of_it_has_a_reason(seeds: int) -> None:
    full = arm("full", np.zeros((seeds, 50), dtype=int))
    row = of_probe(probe(np.arange(50) % 2, full), full, CONFIDENCE)
    for name in ("different_seeds", "with_itself", "systematic", "excess"):
        assert "no seeds" in row[name]["reason"]
    assert row["low"] < row["mean"] == 0.5 < row["high"]
