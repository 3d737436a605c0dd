"""Every claim, on made-up studies in which it holds, does not, and cannot be told."""

from __future__ import annotations

import json

import pytest

from study.claims import list as listed
from study.claims.judge import claims_record, judge, verdicts_record
from study.claims.list import CLAIMS
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from tests.study.claims.cases import arms, counting, linear, ranks, rates, subspace, training
from tests.study.claims.made import study

CASES = [
    case
    for subject in (arms, counting, linear, ranks, rates, subspace, training)
    for case in subject.CASES
]
BY_NAME = {claim.name: claim for claim in CLAIMS}

# What counting decides is never open where there is anything to count.
NEVER_OPEN = {
    *("linear_bound", "starts_as_the_base", "parameters_by_formula", "share_below_3_permille"),
    *("share_about_1_permille", "head_is_small", "storage_10_mb", "full_costs_most"),
    *("cheaper_than_full", "drastically_cheaper", "lora_saves_memory", "merged_costs_nothing"),
}
UNMEASURED = {claim.name for claim in CLAIMS if claim.test.__module__ == "study.claims.unmeasured"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.verdict}")
def test_the_verdict_follows_from_the_records(case):
    found = judge(BY_NAME[case.name], case.study)
    assert found.verdict == case.verdict, found
    assert found.why
    assert case.why in found.why
    told = {key: found.numbers[key] for key in case.numbers}
    assert told == pytest.approx(case.numbers)


def test_every_claim_is_tried_in_every_outcome_that_it_can_have():
    tried = {name: {case.verdict for case in CASES if case.name == name} for name in BY_NAME}
    for name in BY_NAME.keys() - UNMEASURED:
        possible = {HOLDS, FAILS} if name in NEVER_OPEN else {HOLDS, FAILS, UNTOLD}
        assert tried[name] == possible, name
    assert BY_NAME.keys() >= NEVER_OPEN


@pytest.mark.parametrize("name", sorted(UNMEASURED))
def test_what_no_study_measures_says_why(name):
    found = judge(BY_NAME[name], study())
    assert found.verdict == UNTOLD
    assert len(found.why.split()) > 5


def test_names_are_fit_for_dvc_and_no_two_alike():
    assert len(BY_NAME) == len(CLAIMS)
    assert len({claim.claim for claim in CLAIMS}) == len(CLAIMS)
    for name in BY_NAME:
        assert name.replace("_", "").isalnum(), name
        assert len(name) <= 32


def test_every_seed_document_is_there_and_every_source_says_where():
    seeds = (listed.SST2, listed.ABLATION, listed.COMPARISON, listed.NOTES, listed.CHAPTER)
    named = [source for claim in CLAIMS for source in claim.sources]
    for seed in (listed.LINEAR, *seeds):
        assert any(source.startswith(seed) for source in named)
    for source in named:
        assert source.startswith("Seed ")
        assert source.count(", ") >= 1


def test_the_record_holds_the_four_keys_and_plain_numbers_with_the_reason():
    claims = [BY_NAME["saturates_at_8"], BY_NAME["sgd_can_do"], BY_NAME["rank_8_equals_64"]]
    rows = claims_record(claims, study({1: 0.7, 8: 0.8, 32: 0.9}))
    assert [list(row) for row in rows] == [["claim", "source", "verdict", "numbers"]] * 3
    first = rows[0]["numbers"]
    assert first["largest"] == "rank 32"
    assert first["gain"] == pytest.approx(10.0)
    assert first["gain_low"] < 10.0 < first["gain_high"]
    assert first["interval_over"] == "seeds and test sentences"
    assert rows[2]["verdict"] == UNTOLD
    assert rows[2]["numbers"]["behind"] == pytest.approx(10.0)  # of the largest rank there is
    for row in rows:
        assert row["numbers"]["why"]
        json.dumps(row, allow_nan=False)
        for value in row["numbers"].values():
            assert value is None or isinstance(value, str | float | int)


def test_one_seed_is_said_to_be_one():
    (row,) = claims_record([BY_NAME["saturates_at_8"]], study({8: 0.8, 32: 0.9}, seeds=[0]))
    assert row["verdict"] == FAILS
    assert row["numbers"]["interval_over"] == "test sentences of one seed"


def test_verdicts_are_counted_and_go_by_name():
    claims = [BY_NAME["saturates_at_8"], BY_NAME["sgd_can_do"]]
    found = verdicts_record(claims, claims_record(claims, study({8: 0.8, 32: 0.9})))
    assert found["verdicts"] == {"saturates_at_8": FAILS, "sgd_can_do": UNTOLD}
    assert found["claims"] == {"all": 2, HOLDS: 0, FAILS: 1, UNTOLD: 1}
