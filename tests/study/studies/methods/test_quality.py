"""How much of full fine-tuning's accuracy is kept, and which rates were tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.analyses.results.sweep import scores
from study.records.runs import ArmRecord
from study.statistics.crossed import crossed_interval
from study.studies.methods.comparison.quality import difference, kept, less, rates
from tests.study.fake_records import fake_arm, fake_probe

CONFIDENCE = 0.95


def arm(accuracy: float, name: str = "full", seeds: tuple[int, ...] = (0, 1, 2)) -> ArmRecord:
    return fake_arm(name, accuracy=accuracy, seeds=seeds)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_the_interval_is_of_the_shares_that_a_test_does_not_refute(seeds: tuple[int, ...]) -> None:
    own, full = arm(0.75, "head_only", seeds), arm(0.82, seeds=seeds)
    found = kept(own, full, CONFIDENCE)
    assert found is not None
    assert found["share"] == pytest.approx(0.75 / 0.82, abs=0.03)
    assert found["low"] < found["share"] < found["high"]
    for end, side in (("low", 1), ("high", -1)):
        at = less(own, full, found[end])
        assert side * at.value == pytest.approx(at.half_width(0.025), abs=1e-6)


def test_equal_arms_keep_everything() -> None:
    found = kept(arm(0.8), arm(0.8), CONFIDENCE)
    assert found is not None
    assert found["share"] == 1
    assert found["low"] == pytest.approx(1, abs=0.02)


def test_shares_end_at_nothing_and_at_an_accuracy_of_1() -> None:
    full = arm(0.8)
    right = tuple(replace(run, test_predictions=full.test_labels) for run in full.runs)
    wrong = tuple(
        replace(run, test_predictions=tuple(1 - label for label in full.test_labels))
        for run in full.runs
    )
    nothing, everything = replace(full, runs=wrong), replace(full, runs=right)
    assert kept(full, nothing, CONFIDENCE) is None
    found = kept(nothing, full, CONFIDENCE)
    assert found is not None
    assert found["share"] == found["low"] == 0
    best = kept(everything, everything, CONFIDENCE)
    assert best is not None
    assert best["share"] == best["high"] == 1


def test_a_difference_is_a_fraction_and_paired() -> None:
    own, full = arm(0.7, "head_only"), arm(0.8)
    found = difference(own, full, CONFIDENCE)
    at = less(own, full)
    assert 100 * found["difference"] == pytest.approx(at.value)
    assert 100 * found["low"] == pytest.approx(at.interval(0.05)[0])


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_the_linear_probe_is_paired_with_every_seed(seeds: tuple[int, ...]) -> None:
    full = arm(0.8, seeds=seeds)
    probe = fake_probe(full, accuracy=0.7)
    found = difference(probe, full, CONFIDENCE)
    gaps = probe.parts().astype(float) - scores(full)
    assert gaps.shape == (len(seeds), 3000)
    assert found["difference"] == pytest.approx(gaps.mean())
    interval = crossed_interval(gaps, CONFIDENCE, least=-1, most=1)
    assert (found["low"], found["high"]) == (interval.low, interval.high)


def test_every_rate_with_its_mean_validation_accuracy() -> None:
    record = fake_arm("full", learning_rates=(1e-2, 1e-3))
    found = rates(record)
    assert [at["rate"] for at in found] == [1e-3, 1e-2]
    own = [run.validation_score for run in record.runs if run.learning_rate == 1e-2]
    assert found[1]["validation"] == pytest.approx(sum(own) / 3)
