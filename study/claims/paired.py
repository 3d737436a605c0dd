"""Means over seeds and sentences as records hold them, and as statements are judged by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.claims import estimates
from study.claims.advice import one_more_seed, with_seeds
from study.claims.estimates import Estimate
from study.claims.statements import Finding
from study.claims.verdicts import UNTOLD
from study.statistics.crossed import crossed, crossed_interval

Floats = NDArray[np.float64]


def estimate(values: NDArray[Any], *, counts: bool, scale: float = 1.0) -> Estimate:
    """Return the mean of `values` (num_seeds, num_sentences) times `scale`.

    See `study.statistics.crossed`.
    """
    found = crossed(np.asarray(values, dtype=np.float64), counts=counts)
    return estimates.estimate(found, scale, "sentences")


def described(
    values: NDArray[Any],
    confidence: float,
    *,
    counts: bool,
    scale: float = 1.0,
    least: float = -math.inf,
    most: float = math.inf,
) -> dict[str, Any]:
    """Return `mean`, `low`, `high` and `by_seed` of values (num_seeds, num_sentences).

    Args:
        counts: see `study.statistics.crossed`; scale: of all four.
        least, most: that the mean can be at all, not scaled.
    """
    interval = crossed_interval(values, confidence, counts=counts, least=least, most=most)
    ends = {"low": interval.low, "high": interval.high}
    return {
        "mean": scale * float(values.mean()),
        **{key: scale * end if math.isfinite(end) else None for key, end in ends.items()},
        "by_seed": [scale * float(mean) for mean in values.mean(axis=1)],
    }


def answer(
    claim: str, finding: Finding, why: str, sentences: str | None = None, pipeline: str = ""
) -> dict[str, Any]:
    """Return a claim's row of a record: the claim in words, its verdict, why, and its numbers.

    Args:
        why: what was compared.
        sentences: the setting that says how many there are: where the verdict is open, what would
            tell is added to `why`.
        pipeline: the file of the pipeline that this is a claim of.
    """
    if finding.verdict == UNTOLD and sentences is not None:
        one_seed = finding.statement.estimate.one_seed
        seeds = with_seeds(finding.seeds, sentences=sentences, pipeline=pipeline)
        why += f". {one_more_seed(pipeline) if one_seed else seeds}"
    return {
        "claim": claim,
        "verdict": finding.verdict,
        "numbers": finding.numbers() | {"why": why},
    }


def unanswered(claim: str, reason: str) -> dict[str, Any]:
    """Return the row of a claim that the data cannot decide."""
    return {"claim": claim, "verdict": "cannot be told", "numbers": {"why": reason}}
