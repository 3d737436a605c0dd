"""`drift/metrics/drift.json`: drift by arm and rank, and what it does to accuracy.

    text             the report on the general text (`study.studies.drift.outputs.text`)
    measures         what each measure is, in words
    arms             a row an arm: arm, rank, learning_rate, and by measure mean, low, high and
                     by_seed; of LoRA also full_less: by measure of accuracy the same of full
                     fine-tuning less this rank, paired, in points
    trend            by measure, Page's test over the ranks (`study.analyses.sufficiency.trend`)
    claims           claim, verdict, numbers (with why)
    confidence, seeds, sentences, test_sentences

Measures: `kl` (nats) and `change` (1 - cosine) of the general text's sentences; `out_of_domain`
and `in_domain`, accuracy on it and on the study's test sentences. Where the text has no labels of
the study's classes, `out_of_domain` is left out, and the text's report has the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.sweep import Sweep
from study.analyses.sufficiency.trend import page
from study.claims.paired import described
from study.records.arm_names import FULL, LORA
from study.settings.statistics import StatisticsSettings
from study.studies.drift.answers.claims import Case, claims, ranks_of
from study.studies.drift.answers.measured import (
    ACCURACIES,
    MEASURES,
    MOST,
    Arms,
    less,
    measured,
    records_of,
)
from study.studies.drift.outputs.given import Given, Name


def drift_record(
    given: Mapping[Name, Given],
    labels: NDArray[np.int64],
    text: Mapping[str, Any],
    results: Sweep,
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the record.

    Args:
        given: of every arm, head-only first, LoRA by rank ascending, full fine-tuning last.
        labels: (n,) of the general text; looked at if `text` says that there are any.
        results: of the same study.
    """
    records, without_labels = records_of(results), text["without_labels"]
    found = measured(given, labels if without_labels is None else None, records)
    confidence, ranks = statistics.confidence, ranks_of(list(given))
    trends = {
        measure: page([values[name].mean(axis=1).tolist() for name in ranks])
        for measure, values in found.items()
    }
    case = Case(found, ranks, trends, round(1 - confidence, 12), without_labels)
    return {
        "text": dict(text),
        "measures": MEASURES,
        "arms": [
            {"arm": name[0], "rank": name[1], "learning_rate": records[name].learning_rate}
            | _arm(found, name, confidence)
            for name in given
        ],
        "trend": trends,
        "claims": claims(case),
        "confidence": confidence,
        "seeds": [run.seed for run in results.full.picked()],
        "sentences": len(labels),
        "test_sentences": len(results.full.test_labels),
    }


def _arm(found: Mapping[str, Arms], name: Name, confidence: float) -> dict[str, Any]:
    """Return every measure of an arm, and how far full's accuracies lie above LoRA's."""
    row: dict[str, Any] = {
        measure: described(
            values[name],
            confidence,
            counts=measure in ACCURACIES,
            least=0.0,
            most=MOST[measure],
        )
        for measure, values in found.items()
    }
    if name[0] == LORA:
        row["full_less"] = {
            measure: described(
                less(found[measure], (FULL, None), name),
                confidence,
                counts=True,
                scale=100.0,
                least=-1.0,
                most=1.0,
            )
            for measure in ACCURACIES
            if measure in found
        }
    return row
