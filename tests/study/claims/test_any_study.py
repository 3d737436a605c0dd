"""Every claim on the records that the analyses really write, of two studies."""

from __future__ import annotations

import json

import pytest

from study.analyses.results.sweep import Sweep
from study.claims.evidence import RECORDS, Study
from study.claims.judge import claims_record
from study.claims.list import CLAIMS
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from tests.study.fake_records import fake_probe
from tests.study.pages.report.made import SHAPES, made_records, made_results, made_settings


@pytest.mark.parametrize("name", ["plain", "one"])
def test_every_claim_is_answered_with_its_reason(name):
    shape = SHAPES[name]
    settings, records, results = made_settings(shape), made_records(shape), made_results(shape)
    given = Study(
        settings.statistics.confidence,
        settings.statistics.margins,
        settings.statistics.power,
        settings.lora.scaling,
        Sweep(results.head_only, results.full, results.lora),
        fake_probe(results.head_only),
        **{name: json.loads(json.dumps(records[name])) for name in RECORDS},
    )
    rows = claims_record(CLAIMS, given)
    assert [row["claim"] for row in rows] == [claim.claim for claim in CLAIMS]
    for row in rows:
        json.dumps(row, allow_nan=False)
        assert row["verdict"] in (HOLDS, FAILS, UNTOLD)
        assert row["numbers"]["why"], row
        assert ("decided_by" in row["numbers"]) == (row["verdict"] != UNTOLD)
    # Nobody is told to run what is set already.
    if len(shape.seeds) > 1:
        assert not any("One seed does not" in row["numbers"]["why"] for row in rows)
