"""Rules of thumb on spectra and measured ranks that were made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from study.analyses.rules_of_thumb.record import Pick, compared, rules_record, spectral, verdict

RANKS = [32, 1, 2, 4, 8, 16]  # unsorted


def spectra(ranks: list[int] = RANKS, **changes: Any) -> dict[str, Any]:
    """Three matrices and two seeds; a fourth matrix is none of LoRA's."""

    def row(module: str, seed: int, value: float) -> dict[str, Any]:
        return {
            "module": module,
            "target": module != "other",
            "seed": seed,
            "energy_rank": round(value),
            "effective_rank": 2 * value,
            "stable_rank": value / 4,
            "peft_ranks": {"0.5": 2, "0.7": 5, "0.95": 50},
        }

    full = [
        row(module, seed, value + seed)
        for module, value in (("a", 5), ("b", 12), ("c", 40), ("other", 900))
        for seed in (0, 1)
    ]
    largest = {"rank": max(ranks), "peft_ranks": {"0.5": 1, "0.7": 1, "0.95": 7}}
    lora = [{"module": "a", "rank": 1}, {"module": "a", "seed": 0} | largest]
    gradient = [{"module": m, "seed": 0, "energy_rank": 3} for m in "abc"]
    found = {"full": full, "lora": lora, "gradient": gradient}
    return {"settings": {"energy": 0.9, "ranks": ranks}} | found | changes


def sufficient(recommended: int | None = 8, **margins: int | None) -> dict[str, Any]:
    """Validation recommends one rank; on test another is best, which is nobody's business here."""
    equivalence = [
        {"margin": float(key.removeprefix("m").replace("_", ".")), "rank": rank, "ranks": []}
        for key, rank in margins.items()
    ]
    choice = {"1": 0.05, "2": 0.1, "4": 0.15, "8": 0.4, "16": 0.2, "none": 0.1}
    return {
        "recommended": {"rank": recommended, "split": "validation"},
        "one_standard_error": {"rank": 2, "split": "test"},
        "equivalence": equivalence,
        "choice": {
            "one standard error on validation": choice,
            "one standard error on test": {"2": 1.0},
        },
    }


def by_rule(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in record["rules"]}


def test_every_rule_picks_what_the_spectra_say_and_is_scored():
    record = rules_record(spectra(), sufficient(8, m0_5=None, m1=16, m2=2))
    json.dumps(record, allow_nan=False)
    assert record["measured"] == {
        "recommended": 8,
        "split": "validation",
        "chosen_in": 0.4,
        "equivalent": {"0.5": None, "1": 16, "2": 2},
    }
    found = by_rule(record)
    energy = found["90 % of the energy of full fine-tuning's update"]
    # means over seeds 5.5, 12.5, 40.5: the median, up to a whole rank, up to the study's next
    assert (energy["rank"], energy["low"], energy["high"]) == (13, 6, 41)
    assert energy["numbers"]["median"] == 12.5
    assert energy["numbers"]["matrices"] == 3
    assert energy["numbers"]["compared"] == 16
    assert energy["numbers"]["right_in"] == 0.2
    assert found["Start small: 4 to 16"]["numbers"]["right_in"] == pytest.approx(0.15 + 0.4 + 0.2)
    assert found["r = 32, the standard choice"]["numbers"]["right_in"] == 0
    assert [row["rule"] for row in record["rules"] if row["range"]] == ["Start small: 4 to 16"]
    assert energy["verdict"] == "too large by a factor of 2"
    assert energy["numbers"]["against_margins"] == {
        "0.5": "cannot be told",
        "1": "right",
        "2": "too large by a factor of 8",
    }
    picks = {name: (row["rank"], row["verdict"]) for name, row in found.items()}
    assert picks == {
        "90 % of the energy of full fine-tuning's update": (13, "too large by a factor of 2"),
        "Effective rank of full fine-tuning's update": (25, "too large by a factor of 4"),
        "Stable rank of full fine-tuning's update": (4, "too small"),
        "90 % of the energy of the gradient at the start": (3, "too small"),
        "PEFT's threshold 0.5 of full fine-tuning's update": (2, "too small"),
        "PEFT's threshold 0.7 of full fine-tuning's update": (5, "right"),
        "PEFT's threshold 0.95 of the LoRA of rank 32": (7, "right"),
        "r = 8": (8, "right"),
        "Start small: 4 to 16": (None, "right"),
        "r = 32, the standard choice": (32, "too large by a factor of 4"),
    }


@pytest.mark.parametrize(
    ("rank", "measured", "words"),
    [
        (8, 8, "right"),
        (5, 8, "right"),  # the next rank of the study is 8
        (4, 8, "too small"),
        (9, 8, "too large by a factor of 2"),
        (96, 32, "too large by a factor of 3"),  # beyond the study's largest it stays
        (33, 32, "too large by a factor of 1.03"),
        (1, 1, "right"),
        (8, None, "cannot be told"),
        (None, 8, "cannot be told"),
    ],
)
def test_verdicts(rank, measured, words):
    assert verdict(Pick(rank, rank, rank), measured, RANKS)[0] == words


@pytest.mark.parametrize(
    ("measured", "words"),
    [(4, "right"), (16, "right"), (2, "too large by a factor of 2"), (32, "too small")],
)
def test_a_range_is_right_wherever_the_measured_rank_is_in_it(measured, words):
    assert verdict(Pick(None, 4, 16, is_range=True), measured, RANKS)[0] == words


def test_a_pick_below_the_smallest_rank_counts_as_that():
    assert compared(Pick(1, 1, 1), 4, [16, 4]) == 4
    assert verdict(Pick(1, 1, 1), 4, [16, 4]) == ("right", 1)


def test_where_nothing_was_learned_a_rule_says_so():
    nothing = [{"module": "a", "seed": 0, "energy_rank": None}]
    assert spectral(nothing, "energy_rank").rank is None
    record = rules_record(spectra(gradient=nothing), sufficient())
    row = by_rule(record)["90 % of the energy of the gradient at the start"]
    assert (row["rank"], row["verdict"]) == (None, "cannot be told")
    assert "nothing was learned" in row["numbers"]["reason"]


def test_whole_ranks_are_not_rounded_up_past_themselves():
    rows = [{"module": m, "x": 0.1 + 0.2 + 2.7} for m in "ab"]  # 3.0000000000000004 in sum
    assert spectral(rows, "x").rank == 3


def test_one_rank_and_no_measured_one():
    record = rules_record(spectra([6]), sufficient(None, m1=None))
    assert {row["verdict"] for row in record["rules"]} == {"cannot be told"}
    assert by_rule(record)["r = 8"]["numbers"]["compared"] == 8
