"""Every claim, on made-up studies in which it holds, does not, and cannot be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.claims import list as listed
from study.claims.first import FIRST
from study.claims.judge import claims_record, judge, verdicts_record
from study.claims.list import CLAIMS
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from tests.study.claims.cases import arms, counting, linear, ranks, rates, subspace, training
from tests.study.claims.made import arm, study

ROOT = Path(__file__).resolve().parents[3]
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
    *("adapters_swap", "unfrozen_base_defeats_it", "saved_and_reusable", "base_stays_frozen"),
}
# What was cut out of a model that was tuned as a whole shows no more than that it is not needed.
NEVER_REFUTED = {"others_add_little", "task_lives_in_low_rank"}
UNMEASURED = {claim.name for claim in CLAIMS if claim.test.__module__ == "study.claims.unmeasured"}
DRIFT = {
    "divergence": {
        "arms": [
            {"arm": arm, "from_pretrained": value}
            for arm, value in (("head_only", 0.0), ("lora", 0.2), ("lora", 0.1), ("full", 0.4))
        ]
    }
}


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
        possible = {HOLDS, FAILS, UNTOLD}
        possible -= {UNTOLD} if name in NEVER_OPEN else set()
        possible -= {FAILS} if name in NEVER_REFUTED else set()
        assert tried[name] == possible, name
    assert BY_NAME.keys() >= NEVER_OPEN | NEVER_REFUTED


@pytest.mark.parametrize("name", sorted(UNMEASURED))
def test_what_no_study_measures_says_why(name):
    found = judge(BY_NAME[name], study(agreement=DRIFT))
    assert found.verdict == UNTOLD
    # What would tell, or that nothing does.
    assert any(
        words in found.why
        for words in ("`dvc exp run -S ", "methods/", "stacking/", "drift/", " setting")
    )


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("suits_instructions_and_style", "instruct/README.md"),
        ("memory_savers_work", "benchmarks/README.md"),
        ("dropout_helps_small_data", "benchmarks/README.md"),
        ("warmup_cures_instability", "benchmarks/README.md"),
        ("lora_beside_other_methods", "methods/README.md"),
        ("four_bits_make_it_cheaper", "methods/README.md"),
        ("four_bits_need_tuning", "methods/README.md"),
        ("adapters_stack", "stacking/README.md"),
        ("drift_is_worth_watching", "drift/README.md"),
    ],
)
def test_what_another_pipeline_measures_names_its_page(name, page):
    found = judge(BY_NAME[name], study(agreement=DRIFT))
    assert page in found.why
    assert (ROOT / page).is_file()


@pytest.mark.parametrize(
    "name", ["diminishing_returns", "rank_8_equals_64", "saturates_at_32", "alike_from_16"]
)
def test_what_is_said_of_instruction_tuning_names_where_it_is_tested_there(name):
    assert "instruct/README.md" in BY_NAME[name].claim
    assert (ROOT / "instruct/README.md").is_file()


def test_drift_is_told_though_nothing_follows_from_it():
    found = judge(BY_NAME["drift_is_worth_watching"], study(agreement=DRIFT))
    expected = {"least_of_lora": 0.1, "most_of_lora": 0.2, "full_fine_tuning": 0.4}
    assert found.numbers == expected


def test_the_command_that_adapts_all_matrices_names_those_of_the_model():
    found = judge(BY_NAME["query_and_value_are_best"], study())
    assert "`dvc exp run -S 'lora.target_modules=[dense,query,value]'`" in found.why
    assert found.numbers == {"adapted": 2, "linear_layers": 3}


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
        assert source.startswith("Write-up ")
        assert source.count(", ") >= 1


def test_the_record_holds_the_four_keys_and_plain_numbers_with_the_reason():
    claims = [BY_NAME["saturates_at_8"], BY_NAME["sgd_can_do"], BY_NAME["rank_8_equals_64"]]
    rows = claims_record(claims, study({1: 0.7, 8: 0.8, 32: 0.9}))
    assert [list(row)[:4] for row in rows] == [["claim", "source", "verdict", "numbers"]] * 3
    assert [row.get("first") for row in rows] == [1 + FIRST.index("saturates_at_8"), None, None]
    first = rows[0]["numbers"]
    assert first["tested"] == "rank 32 minus rank 8 below 1 point"
    assert first["value"] == pytest.approx(10.0)
    assert first["low"] < 10.0 < first["high"]
    assert (first["level"], first["over"]) == (0.95, "seeds and test sentences")
    assert first["decided_by"] == "measured"
    assert rows[2]["verdict"] == UNTOLD
    assert rows[2]["numbers"]["value"] == pytest.approx(10.0)  # of the largest rank there is
    assert "decided_by" not in rows[2]["numbers"]
    for row in rows:
        assert row["numbers"]["why"]
        json.dumps(row, allow_nan=False)
        for value in row["numbers"].values():
            assert value is None or isinstance(value, str | float | int)


def test_one_seed_is_said_to_be_one():
    (row,) = claims_record([BY_NAME["saturates_at_8"]], study({8: 0.8, 32: 0.9}, seeds=[0]))
    assert row["verdict"] == FAILS
    assert row["numbers"]["over"] == "test sentences of one seed"


def test_the_interval_that_is_told_is_the_one_that_was_tested():
    """Of three larger ranks two gain nothing; the third is told at 0.05 / 3, and so refutes."""
    given = study({8: 0.8, 16: 0.8, 32: 0.8, 64: 0.82})
    (row,) = claims_record([BY_NAME["saturates_at_8"]], given)
    found = row["numbers"]
    exact = given.gain(given.lora(64), given.lora(8))
    assert row["verdict"] == FAILS
    assert (found["low"], found["high"]) == pytest.approx(exact.interval(0.05 / 3))
    assert found["level"] == pytest.approx(1 - 0.05 / 3, abs=1e-6)
    assert found["correction"] == "Bonferroni over 3"
    assert found["low"] > 1


@pytest.mark.parametrize(
    ("name", "decided_by"),
    [
        ("merged_costs_nothing", "true by construction, and checked"),
        ("parameters_linear_in_rank", "true by construction, and checked"),
        ("starts_as_the_base", "true by construction, and checked"),
        ("cheaper_than_full", "counted, not measured"),
        ("linear_bound", "computed, by linear algebra"),
        ("saturates_at_8", "measured"),
    ],
)
def test_what_is_so_by_construction_or_by_counting_says_so(name, decided_by):
    given = next(case for case in CASES if case.name == name and case.verdict == HOLDS)
    (row,) = claims_record([BY_NAME[name]], given.study)
    assert row["numbers"]["decided_by"] == decided_by


def test_where_seeds_would_tell_the_reason_says_how_many():
    found = judge(BY_NAME["saturates_at_8"], study({8: 0.8, 32: (0.78, 0.8, 0.797)}))
    assert found.verdict == UNTOLD
    assert "seeds would settle it: `dvc exp run -S 'blocks=[1" in found.why
    one = judge(BY_NAME["saturates_at_8"], study({8: 0.8, 32: 0.808}, seeds=[0]))
    assert "One seed does not show how seeds differ: `dvc exp run -S 'seeds=[0,1,2]'`" in one.why


def test_only_arms_with_one_rate_are_said_to_have_had_nothing_to_pick():
    two = {0.001: 0.8, 0.002: 0.7}
    several = {
        "head": arm("head_only", None, 0.6, rates=two),
        "full": arm("full", None, 0.85, rates=two),
    }
    ranks = {rank: arm("lora", rank, 0.8, rates=two) for rank in (1, 8)}
    assert "picked" not in judge(BY_NAME["full_is_best"], study(ranks, **several)).why
    found = judge(BY_NAME["full_is_best"], study({1: 0.8, 8: 0.8}, **several))
    assert "For LoRA one rate was tried, so nothing was picked" in found.why


def test_verdicts_are_counted_and_go_by_name():
    claims = [BY_NAME["saturates_at_8"], BY_NAME["sgd_can_do"]]
    found = verdicts_record(claims, claims_record(claims, study({8: 0.8, 32: 0.9})))
    assert found["verdicts"] == {"saturates_at_8": FAILS, "sgd_can_do": UNTOLD}
    assert found["claims"] == {"all": 2, HOLDS: 0, FAILS: 1, UNTOLD: 1}


def test_ten_claims_are_for_the_reader_first():
    assert len(set(FIRST)) == 10
    assert set(FIRST) <= BY_NAME.keys()
