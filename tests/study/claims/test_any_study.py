"""Every claim on the records that the analyses really write, of two studies."""

from __future__ import annotations

import json

import pytest

from study.analyses.results.sweep import Sweep, measure_in
from study.claims.evidence import RECORDS, Study
from study.claims.judge import claims_record, in_metric
from study.claims.list import CLAIMS
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from study.metrics.measure import measure_named
from tests.study.pages.report.made import (
    SHAPES,
    made_probe,
    made_records,
    made_results,
    made_settings,
)


@pytest.mark.parametrize("name", ["plain", "one", "macro F1", "log loss"])
def test_every_claim_is_answered_with_its_reason(name):
    shape = SHAPES[name]
    settings, records, results = made_settings(shape), made_records(shape), made_results(shape)
    given = Study(
        settings.statistics.confidence,
        settings.statistics.margins,
        settings.statistics.power,
        settings.lora.scaling,
        len(settings.seeds),
        Sweep(results.head_only, results.full, results.lora),
        made_probe(results, shape),
        **{name: json.loads(json.dumps(records[name])) for name in RECORDS},
    )
    rows = claims_record(CLAIMS, given)
    measure = measure_in(results.full)
    assert [row["claim"] for row in rows] == [in_metric(c.claim, measure) for c in CLAIMS]
    for row in rows:
        json.dumps(row, allow_nan=False)
        assert row["verdict"] in (HOLDS, FAILS, UNTOLD)
        assert row["numbers"]["why"], row
        assert ("decided_by" in row["numbers"]) == (row["verdict"] != UNTOLD)
    # Nobody is told to run what is set already.
    if len(shape.seeds) > 1:
        assert not any("One seed does not" in row["numbers"]["why"] for row in rows)


def test_a_claim_on_accuracy_is_said_of_the_metric_that_it_was_put_to():
    said = next(c for c in CLAIMS if c.name == "gains_up_to_8").claim
    assert in_metric(said, measure_named("accuracy")) == said
    assert in_metric(said, measure_named("macro_f1")).startswith("Macro F1 rises quickly")
    assert in_metric(said, measure_named("rmse")).startswith("Merit by RMSE rises quickly")
    for claim in CLAIMS:
        assert "ccuracy" not in in_metric(claim.claim, measure_named("matthews"))
