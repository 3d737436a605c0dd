"""The answer in three sentences: right, and whole sentences, for any study."""

from __future__ import annotations

import itertools
import re

import pytest

from study.pages.report.answer import QUESTIONS, answer, interval_words

RULE = "the smallest rank within one paired standard error of the best"


def made(
    *,
    rank: int = 4,
    ranks: tuple[int, ...] = (1, 4, 16),
    gap: tuple[float, float, float] = (-0.012, -0.022, -0.002),
    verdicts: dict[float, str] | None = None,
    seeds: int = 3,
    as_measured: dict[float, int] | None = None,
    choice: dict[str, float] | None = None,
    sentences: int = 3000,
):
    """A summary and a record of the sufficient rank that agree with each other."""
    entry = {
        "test_accuracy": 0.8 + gap[0],
        "low": 0.7,
        "high": 0.9,
        "gap_to_full": gap[0],
        "gap_to_full_low": gap[1],
        "gap_to_full_high": gap[2],
        "trainable_parameters": 37634,
        "trainable_share": 0.001654,
    }
    headline = {"rank": rank, "test_accuracy_low": 0.7, "test_accuracy_high": 0.9} | entry
    summary = {
        "headline": headline,
        "lora": {str(r): entry for r in ranks},
        "full": entry | {"test_accuracy": 0.8},
        "head_only": entry | {"test_accuracy": 0.6},
        "confidence": 0.95,
        "seeds": list(range(seeds)),
        "test_sentences": sentences,
    }
    if verdicts is None:
        verdicts = {0.5: "worse", 1.0: "cannot be told", 2.0: "equivalent"}
    shares = choice or {str(r): float(r == rank) for r in ranks}
    record = {
        "recommended": {"rank": rank, "rule": RULE, "split": "validation"},
        "one_standard_error": {"rank": rank, "ranks": [{"rank": r} for r in reversed(ranks)]},
        "equivalence": [
            {
                "margin": margin,
                "ranks": [
                    {
                        "rank": r,
                        "verdict": verdict if r == rank else "better",
                        "difference": 100 * gap[0],
                        "seeds_needed": 999,
                        "seeds_if_as_measured": (as_measured or {}).get(margin),
                        "sentences_needed": 9000,
                    }
                    for r in ranks
                ],
            }
            for margin, verdict in verdicts.items()
        ],
        "choice": {"one standard error on validation": shares},
        "seeds": seeds,
        "sentences": sentences,
        "validation_sentences": 1000,
    }
    return summary, record


def test_the_rank_is_named_with_the_rule_the_ranks_and_its_size():
    which, _, _ = answer(*made())
    assert which == (
        "Take **rank 4**: of the three ranks tried, 1 to 16, it is the smallest that is as good as "
        "the best on validation, to within one standard error of their difference, and it trains "
        "37,634 parameters, 0.165 % of the model's."
    )


def test_ranks_that_are_given_unsorted_are_told_from_smallest_to_largest():
    which, _, _ = answer(*made(ranks=(16, 4, 1)))
    assert "1 to 16" in which


def test_two_ranks_are_both_named_and_one_is_called_the_only_one():
    assert "of the two ranks tried, 4 and 8, it is" in answer(*made(ranks=(4, 8)))[0]
    only = answer(*made(ranks=(4,)))[0]
    assert only.startswith("**Rank 4** is the only one that was tried")
    assert "best" not in only


def test_the_gap_comes_with_its_interval_and_every_verdict():
    _, close, _ = answer(*made())
    assert close == (
        "On the test sentences it scores **1.2 points below full fine-tuning** (95 % interval: 0.2 "
        "to 2.2 below), 78.8 % against 80.0 %, where the head alone scores 60.0 %; tests show it "
        "to be within 2 points of full fine-tuning and more than 0.5 points below it, and cannot "
        "tell whether it is within 1 point."
    )


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.022, -0.002, "0.2 to 2.2 below"),
        (-0.022, 0.013, "2.2 below to 1.3 above"),
        (0.001, 0.02, "0.1 to 2.0 above"),
        (0.0, 0.0, "0.0 to 0.0 below"),
    ],
)
def test_an_interval_says_on_which_side_it_lies(low, high, words):
    assert interval_words(low, high) == words


def test_a_lora_that_is_better_than_full_is_said_to_be():
    verdicts = {0.5: "better", 1.0: "better", 2.0: "cannot be told"}
    _, close, _ = answer(*made(gap=(0.031, 0.02, 0.04), verdicts=verdicts))
    assert "**3.1 points above full fine-tuning** (95 % interval: 2.0 to 4.0 above)" in close
    assert "to be more than 1 point above it, and cannot tell whether it is within 2" in close


def test_of_nested_margins_the_strongest_statement_is_made():
    verdicts = {0.5: "cannot be told", 1.0: "equivalent", 2.0: "equivalent"}
    assert "be within 1 point of full fine-tuning, and" in answer(*made(verdicts=verdicts))[1]
    verdicts = {0.5: "worse", 1.0: "worse", 2.0: "cannot be told"}
    assert "be more than 1 point below it, and" in answer(*made(verdicts=verdicts))[1]


def test_where_nothing_can_be_told_it_says_so():
    nothing = dict.fromkeys((2.0, 0.5, 1.0), "cannot be told")
    _, close, _ = answer(*made(verdicts=nothing))
    assert close.endswith("; tests cannot tell whether it is within 0.5, 1 or 2 points of that.")


def test_what_is_open_is_told_with_the_seeds_that_would_settle_it_at_the_measured_gap():
    verdicts = dict.fromkeys((0.5, 1.0, 2.0), "cannot be told")
    _, _, sure = answer(*made(verdicts=verdicts, as_measured={0.5: 13, 2.0: 24}))
    assert sure == (
        "The gap comes from **3 seeds** and 3,000 test sentences, and intervals are over both; "
        "the rank was picked on the same seeds and 1,000 validation sentences, and in resamples of "
        "them the same rule picks rank 4 in 100 % of cases; if the true gap is the 1.2 points "
        "measured, no number of seeds would show it to be within 0.5 or 1 point, about 13 seeds "
        "would show it to be more than 0.5 points below, and about 24 seeds would show it to be "
        "within 2 points."
    )


def test_no_seeds_are_promised_for_a_rank_whose_measured_gap_is_too_wide():
    """A rank that equals full fine-tuning would take 999 seeds; this one was not seen to."""
    _, _, sure = answer(*made(verdicts={0.5: "cannot be told", 1.0: "cannot be told"}))
    assert sure.endswith("measured, no number of seeds would show it to be within 0.5 or 1 point.")
    assert "999" not in sure
    assert "9,000" not in sure


def test_of_margins_that_the_gap_is_told_from_the_widest_is_named():
    told = dict.fromkeys((0.5, 1.0), "cannot be told")
    _, _, sure = answer(*made(verdicts=told, as_measured={0.5: 6, 1.0: 9}))
    assert sure.endswith("point, and about 9 seeds would show it to be more than 1 point below.")
    _, _, sure = answer(*made(verdicts=told, as_measured={0.5: 6}, gap=(0.011, -0.01, 0.03)))
    assert sure.endswith("about 6 seeds would show it to be more than 0.5 points above.")


def test_where_no_number_of_seeds_settles_it_sentences_do():
    _, _, sure = answer(*made(verdicts=dict.fromkeys((2.0, 3.0), "cannot be told")))
    assert sure.endswith(
        "showing it to be within 2 or 3 points takes more test sentences, however many seeds."
    )


def test_where_all_is_settled_nothing_is_asked_for():
    _, close, sure = answer(*made(verdicts={1.0: "equivalent"}))
    assert close.endswith("tests show it to be within 1 point of full fine-tuning.")
    assert sure.endswith("no question put to this rank was left open.")


def test_one_seed_is_said_to_be_one():
    _, _, sure = answer(*made(seeds=1))
    assert sure.startswith("The gap comes from **one seed** and 3,000 test sentences")
    assert "what another seed would do cannot be told" in sure
    assert "over both" not in sure
    assert "picked on 1,000 validation sentences, and in resamples of them" in sure
    assert sure.endswith("how many seeds would settle the rest cannot be told from one.")


def test_a_rule_that_mostly_picks_another_rank_is_not_hidden():
    choice = {"1": 0.48, "4": 0.22, "16": 0.3}
    _, _, sure = answer(*made(choice=choice))
    assert "picks rank 4 in 22 % of cases and rank 1 most often, in 48 %" in sure


def test_one_rank_has_no_shares_to_tell():
    assert "rule" not in answer(*made(ranks=(4,)))[2]


VERDICTS = ("equivalent", "worse", "better", "cannot be told")


@pytest.mark.parametrize(
    "ranks", [(4,), (4, 8), (64, 4, 1), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)]
)
@pytest.mark.parametrize("seeds", [1, 2, 12])
@pytest.mark.parametrize("gap", [(-0.2, -0.3, -0.1), (0.0, -0.01, 0.01), (0.03, 0.0, 0.06)])
def test_each_answer_is_one_whole_sentence(ranks, seeds, gap):
    for verdicts, seen in itertools.product(
        itertools.product(VERDICTS, repeat=2), [{0.5: 2, 1.0: 5}, {1.0: 30}, {}]
    ):
        told = made(
            ranks=ranks,
            seeds=seeds,
            gap=gap,
            as_measured=seen,
            verdicts=dict(zip((0.5, 1.0), verdicts, strict=True)),
            sentences=1 if seeds == 1 else 900,
        )
        sentences = answer(*told)
        assert len(sentences) == len(QUESTIONS)
        for sentence in sentences:
            check(sentence)


def check(sentence: str) -> None:
    plain = sentence.replace("**", "")
    assert plain[0].isupper()
    assert plain.endswith(".")
    assert ". " not in plain
    assert not re.search(r"  | [,;.)]|None|nan|[<>{}\[\]]|\(\s|,,|;;", plain), plain
    assert not re.search(r"\b1 (seeds|test sentences|parameters|points)\b", plain), plain
    assert not re.search(r"\b([2-9]|\d\d+) (seed|test sentence|parameter|point)\b", plain), plain
    assert sentence.count("**") % 2 == 0
    assert plain.count("(") == plain.count(")")
    assert not re.search(r"\b(\w+) \1\b", plain), plain
