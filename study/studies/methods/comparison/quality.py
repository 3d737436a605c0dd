"""How a method's score on test stands to another's, paired over seeds and sentences."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from scipy.optimize import brentq

from study.analyses.results.sweep import measure_in, merits, scores
from study.claims.estimates import Estimate
from study.claims.paired import estimate
from study.probes.record import LinearProbe
from study.records.runs import ArmRecord
from study.statistics.crossed import are_counts, crossed_interval


def difference(
    record: ArmRecord | LinearProbe, other: ArmRecord, confidence: float
) -> dict[str, float]:
    """Return the `difference` of scores, with its interval: `low` and `high`.

    Of accuracy a fraction; more is better, and a hundredth is a point (`Measure.merits`).

    The linear probe has no seeds, and is paired with every seed of the other.
    """
    measure = measure_in(other)
    own = measure.merits(record.parts()) if isinstance(record, LinearProbe) else merits(record)
    gaps = own.astype(np.float64) - merits(other)  # (num_seeds, num_sentences)
    most = measure.most - measure.least
    interval = crossed_interval(gaps, confidence, counts=are_counts(own), least=-most, most=most)
    return {"difference": float(gaps.mean())} | asdict(interval)


def less(record: ArmRecord, other: ArmRecord, share: float = 1.0) -> Estimate:
    """Return the record's score less a share of the other's, in points; more is better."""
    own = merits(record)
    return estimate(own - share * merits(other), counts=are_counts(own), scale=100.0)


def kept(record: ArmRecord, full: ArmRecord, confidence: float) -> dict[str, float] | None:
    """Return the `share` of full fine-tuning's accuracy that a method reaches, `low` and `high`.

    The interval is of the shares that a test does not refute (Fieller 1954, "Some problems in
    interval estimation"): of `less` at that share it holds 0. So its lower end lies above 95 % just
    where the claim that 95 % is kept is shown. None if full fine-tuning got nothing right, or of a
    metric that has no shares (a correlation, a loss).
    """
    if not measure_in(full).in_percent:
        return None
    own, whole = float(scores(record).mean()), float(scores(full).mean())
    if whole == 0:
        return None
    share, most = own / whole, 1 / whole  # an accuracy is at most 1
    tail = (1 - confidence) / 2

    def beyond(at: float, side: int) -> float:
        found = less(record, full, at)
        return side * found.value - found.half_width(tail)

    low = 0.0 if beyond(0.0, 1) <= 0 else float(brentq(beyond, 0.0, share, args=(1,)))
    high = most if beyond(most, -1) <= 0 else float(brentq(beyond, share, most, args=(-1,)))
    return {"share": share, "low": low, "high": high}


def rates(record: ArmRecord) -> list[dict[str, float]]:
    """Return every learning `rate` that was trained whole, ascending, with its `validation`.

    That accuracy is the mean over seeds, each at its best epoch: what a rate is picked by.
    """
    return [
        {
            "rate": rate,
            "validation": float(
                np.mean([run.validation_score for run in record.runs if run.learning_rate == rate])
            ),
        }
        for rate in sorted(record.whole_rates)
    ]
