"""The linear probe's disagreement with full fine-tuning.

It has no seeds: it is compared with every run of full fine-tuning, and nothing that takes two runs
of an arm is said of it. It left predictions and no logits: it has no divergence and no calibration.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from study.analyses.agreement.disagreement import differ, predictions
from study.analyses.agreement.pairs import Estimate
from study.probes.record import LinearProbe
from study.records.runs import ArmRecord

NO_SEEDS = {"reason": "the linear probe has no seeds: two runs of it are one"}
_OF_TWO_RUNS = ("different_seeds", "with_itself", "systematic", "excess")


def of_probe(probe: LinearProbe, full: ArmRecord, confidence: float) -> dict[str, Any]:
    """Return the linear probe's row of `arms` in `study.analyses.agreement.disagreement`.

    `mean`, `low`, `high` (a share of the test sentences) and `forced_by_accuracy` are over the runs
    of full fine-tuning, each of them beside the one probe. What takes two runs has a reason.
    """
    tuned = predictions(full)
    (between,) = differ(np.array([probe.test_predictions]), tuned)  # (S, n)
    labels = np.array(full.test_labels)
    accuracy = float(np.mean(np.array(probe.test_predictions) == labels))
    gaps = accuracy - (tuned == labels).mean(axis=1)
    share = Estimate(between.astype(np.float64), counts=True)
    return {
        "arm": probe.arm,
        "rank": probe.rank,
        **share.describe(confidence, least=0),
        "forced_by_accuracy": float(np.abs(gaps).mean()),
        **dict.fromkeys(_OF_TWO_RUNS, NO_SEEDS),
    }
