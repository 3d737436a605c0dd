"""The answer in three sentences: right, and whole sentences, for any study."""

from __future__ import annotations

import itertools
import re

import pytest

from study.pages.report.answer import QUESTIONS, answer
from study.pages.report.intervals import interval_words
from study.pages.report.settling import more

RULE = "the smallest rank within one paired standard error of the best"


def made(
    *,
    rank: int = 4,
    ranks: tuple[int, ...] = (1, 4, 16),
    gap: tuple[float, float, float] = (-0.012, -0.022, -0.002),
    verdicts: dict[float, str] | None = None,
    seeds: int = 3,
    as_measured: dict[float, int] | None = None,
    foreseen: dict[float, float] | None = None,
    untrained: tuple[int, ...] = (),
    choice: dict[str, float] | None = None,
    sentences: int = 3000,
    sharper: dict[float, str] | None = None,
    smaller: dict[int, tuple[float, float, float]] | None = None,
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
        "linear_probe": entry | {"test_accuracy": 0.74, "state": "mean"},
        "head_alone": "linear_probe",
        "confidence": 0.95,
        "seeds": list(range(seeds)),
        "test_sentences": sentences,
    }
    if verdicts is None:
        verdicts = {0.5: "worse", 1.0: "cannot be told", 2.0: "equivalent"}
    shares = choice or {str(r): float(r == rank) for r in ranks}
    record = {
        "recommended": {
            "rank": None if rank in untrained else rank,
            "of_all": rank,
            "untrained": list(untrained),
            "rule": RULE,
            "split": "validation",
        },
        "answer": {
            "difference": 100 * gap[0],
            "low": 100 * gap[1],
            "high": 100 * gap[2],
            "margins": [
                {
                    "margin": margin,
                    "verdict": verdict,
                    "foreseen": (foreseen or {}).get(margin, 1.0),
                    "seeds_needed": 999,
                    "seeds_if_as_measured": (as_measured or {}).get(margin),
                    "sentences_needed": 9000,
                }
                for margin, verdict in verdicts.items()
            ],
        },
        "sharper": {
            "answer": {
                "margins": [
                    {"margin": margin, "verdict": (sharper or {}).get(margin, "cannot be told")}
                    for margin in verdicts
                ]
            }
        },
        "smaller": [
            dict(zip(("rank", "difference", "low", "high"), (r, *row), strict=True))
            for r, row in (smaller or {}).items()
        ],
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
        "Take **rank 4**: of the three ranks tried (1 to 16) it is the smallest that comes within "
        "the noise of the best on validation. It trains 37,634 parameters, 0.165 % of the model's."
    )


def test_ranks_that_are_given_unsorted_are_told_from_smallest_to_largest():
    which, _, _ = answer(*made(ranks=(16, 4, 1)))
    assert "1 to 16" in which


def test_two_ranks_are_both_named_and_one_is_called_the_only_one():
    assert "of the two ranks tried (4 and 8) it is" in answer(*made(ranks=(4, 8)))[0]
    only = answer(*made(ranks=(4,)))[0]
    assert only.startswith("**Rank 4** is the only one that was tried")
    assert "best" not in only


def test_the_gap_comes_with_its_interval_and_both_accuracies():
    _, close, _ = answer(*made())
    assert close == (
        "On the test sentences rank 4 scores 78.8 %, **1.2 points below full fine-tuning** at "
        "80.0 % (95 % interval of the gap: 0.2 to 2.2 below); the best head alone (a linear probe "
        "on mean-pooled states) gives 74.0 %."
    )


@pytest.mark.parametrize(
    ("best", "state", "words"),
    [
        ("head_only", "mean", "the best head alone (the model's own head, trained) gives 60.0 %."),
        ("linear_probe", "pooled", "(a linear probe on pooled states) gives 74.0 %."),
        ("linear_probe", "first", "(a linear probe on states of the first token) gives 74.0 %."),
        ("linear_probe", "last", "(a linear probe on states of the last token) gives 74.0 %."),
    ],
)
def test_the_best_head_alone_is_named_with_the_states_it_reads(best, state, words):
    summary, record = made()
    probe = summary["linear_probe"] | {"state": state}
    _, close, _ = answer(summary | {"head_alone": best, "linear_probe": probe}, record)
    assert close.endswith(words)


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
    _, close, sure = answer(*made(gap=(0.031, 0.02, 0.04), verdicts=verdicts))
    assert "**3.1 points above full fine-tuning**" in close
    assert "interval of the gap: 2.0 to 4.0 above)" in close
    assert "more than 1 point above full fine-tuning. They are too few to say whether it is" in sure


def test_of_nested_margins_the_strongest_statement_is_made():
    verdicts = {0.5: "cannot be told", 1.0: "equivalent", 2.0: "equivalent"}
    assert (
        "rank 4 is within 1 point of full fine-tuning. They" in answer(*made(verdicts=verdicts))[2]
    )
    verdicts = {0.5: "worse", 1.0: "worse", 2.0: "cannot be told"}
    assert "more than 1 point below full fine-tuning. They" in answer(*made(verdicts=verdicts))[2]


def test_what_is_shown_and_what_is_open_are_told_with_what_they_rest_on():
    assert answer(*made())[2] == (
        "**3 seeds** and 3,000 test sentences are enough to say that rank 4 is within 2 points of "
        "full fine-tuning and more than 0.5 points below it. They are too few to say whether it is "
        "within 1 point of full fine-tuning. With other seeds and sentences to validate on, we "
        "would have picked rank 4 in 100 % of cases."
    )
    nothing = dict.fromkeys((2.0, 0.5, 1.0), "cannot be told")
    wide = (-0.012, -0.032, 0.008)
    assert answer(*made(verdicts=nothing, gap=wide))[2].startswith(
        "**3 seeds** and 3,000 test sentences are too few to say whether rank 4 is within 0.5, 1 "
        "or 2 points of full fine-tuning. With other"
    )


def test_the_side_of_full_fine_tuning_is_told_where_no_margin_is():
    nothing = dict.fromkeys((0.5, 1.0, 2.0), "cannot be told")
    assert answer(*made(verdicts=nothing))[2].startswith(
        "**3 seeds** and 3,000 test sentences are enough to say that rank 4 scores less than full "
        "fine-tuning. They are too few to say whether it is within 0.5, 1 or 2 points of full "
        "fine-tuning. With other"
    )
    above = made(verdicts=nothing, gap=(0.012, 0.002, 0.022))
    assert "scores more than full fine-tuning. They are too few" in answer(*above)[2]


def test_what_was_out_of_reach_from_the_start_is_no_open_question():
    nothing = dict.fromkeys((0.5, 1.0, 2.0), "cannot be told")
    beforehand = {0.5: 0.0, 1.0: 0.08, 2.0: 0.7}
    assert answer(*made(verdicts=nothing, foreseen=beforehand))[2].startswith(
        "**3 seeds** and 3,000 test sentences are enough to say that rank 4 scores less than full "
        "fine-tuning. They are too few to say whether it is within 2 points of full fine-tuning. A "
        "study of this size cannot show a rank to be within 0.5 or 1 point of full fine-tuning. "
        "With other"
    )
    small = made(verdicts=nothing, gap=(-0.01, -0.1, 0.08), foreseen=dict.fromkeys(nothing, 0.0))
    assert answer(*small)[2].startswith(
        "**3 seeds** and 3,000 test sentences are too few to say whether rank 4 is within 0.5, 1 "
        "or 2 points of full fine-tuning. A study of this size cannot show a rank to be within "
        "0.5, 1 or 2 points of full fine-tuning. With other"
    )


def test_where_no_rank_trained_none_is_recommended_and_what_there_is_is_told():
    which, close, sure = answer(*made(untrained=(1, 4, 16)))
    assert which == "**None yet**: no rank of LoRA trained well enough to be recommended."
    assert close.startswith("Not known yet: so far rank 4 scores 78.8 % on the test sentences, ")
    assert sure == "Not before LoRA has trained."
    assert more(made(untrained=(1, 4, 16))[1]) == []


def test_ranks_that_did_not_train_are_no_part_of_the_choice():
    which, _, _ = answer(*made(untrained=(1,)))
    assert "of the two ranks that trained (4 and 16) it is the smallest" in which
    only = answer(*made(untrained=(1, 16)))[0]
    assert only.startswith("**Rank 4** is the only one that trained")


def test_how_the_rank_was_picked_is_told_below():
    picking, _, *_ = more(made()[1])
    assert "compared the ranks on 3 seeds and 1,000 validation sentences, and took the" in picking
    assert "within one standard error of the best one" in picking
    assert "on 1,000 validation sentences, and" in more(made(seeds=1)[1])[0]
    assert len(more(made(ranks=(4,))[1])) == 1  # one rank was not picked from others


def test_what_is_open_is_told_with_the_seeds_that_would_settle_it_at_the_measured_gap():
    verdicts = dict.fromkeys((0.5, 1.0, 2.0), "cannot be told")
    _, opened, *_ = more(made(verdicts=verdicts, as_measured={0.5: 13, 2.0: 24})[1])
    assert opened == (
        "**What is open.** It is not settled whether rank 4 is within 0.5, 1 or 2 points of full "
        "fine-tuning. Suppose that the true gap is the 1.2 points measured. Then the rank is not "
        "within 0.5 or 1 point. About 13 seeds would show that the rank is more than 0.5 points "
        "below. About 24 seeds would show that it is within 2 points."
    )


def test_no_seeds_are_promised_for_a_rank_whose_measured_gap_is_too_wide():
    """A rank that equals full fine-tuning would take 999 seeds; this one was not seen to."""
    _, opened, *_ = more(made(verdicts={0.5: "cannot be told", 1.0: "cannot be told"})[1])
    assert opened.endswith("Then the rank is not within 0.5 or 1 point.")
    assert "999" not in opened
    assert "9,000" not in opened


def test_of_margins_that_the_gap_is_told_from_the_widest_is_named():
    told = dict.fromkeys((0.5, 1.0), "cannot be told")
    _, opened, *_ = more(made(verdicts=told, as_measured={0.5: 6, 1.0: 9})[1])
    assert opened.endswith("About 9 seeds would show that the rank is more than 1 point below.")
    _, opened, *_ = more(made(verdicts=told, as_measured={0.5: 6}, gap=(0.011, -0.01, 0.03))[1])
    assert opened.endswith("About 6 seeds would show that the rank is more than 0.5 points above.")


def test_where_no_number_of_seeds_settles_it_sentences_do():
    _, opened, *_ = more(made(verdicts=dict.fromkeys((2.0, 3.0), "cannot be told"))[1])
    assert opened.endswith(
        "measured. Then it takes more test sentences to show that it is within 2 or 3 points; more "
        "seeds alone would not do."
    )


def test_where_all_is_settled_nothing_is_asked_for():
    settled = made(verdicts={1.0: "equivalent"})
    sure = answer(*settled)[2]
    assert "enough to say that rank 4 is within 1 point of full fine-tuning. " in sure
    assert more(settled[1])[1].endswith("Nothing that was asked about this rank was left open.")


def test_one_seed_is_said_to_be_one():
    told = made(seeds=1)
    sure, opened = answer(*told)[2], more(told[1])[1]
    assert sure.startswith("There is only **one seed**, so nobody knows what another would give. ")
    assert "3,000 test sentences are enough to say" in sure
    assert "With other sentences to validate on" in sure
    assert opened.endswith("nobody can say how many seeds would settle the rest.")


def test_a_rule_that_mostly_picks_another_rank_is_not_hidden():
    choice = {"1": 0.48, "4": 0.22, "16": 0.3}
    _, _, sure = answer(*made(choice=choice))
    assert "picked rank 4 in 22 % of cases and rank 1 most often, in 48 %" in sure


def test_one_rank_has_no_shares_to_tell():
    assert "picked" not in answer(*made(ranks=(4,)))[2]


VERDICTS = ("equivalent", "worse", "better", "cannot be told")


@pytest.mark.parametrize(
    "ranks", [(4,), (4, 8), (64, 4, 1), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)]
)
@pytest.mark.parametrize("seeds", [1, 2, 12])
@pytest.mark.parametrize("gap", [(-0.2, -0.3, -0.1), (0.0, -0.01, 0.01), (0.03, 0.0, 0.06)])
def test_each_answer_is_a_few_whole_sentences(ranks, seeds, gap):
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
            assert sentence.count(". ") <= 3
        for paragraph in more(told[1]):
            check(paragraph)


def check(sentence: str) -> None:
    plain = sentence.replace("**", "")
    assert plain[0].isupper() or plain[0].isdigit()
    assert plain.endswith(".")
    assert not re.search(r"  | [,;.)]|None|nan|[<>{}\[\]]|\(\s|,,|;;", plain), plain
    assert not re.search(r"\b1 (seeds|test sentences|parameters|points)\b", plain), plain
    assert not re.search(r"\b([2-9]|\d\d+) (seed|test sentence|parameter|point)\b", plain), plain
    assert sentence.count("**") % 2 == 0
    assert plain.count("(") == plain.count(")")
    assert not re.search(r"\b(\w+) \1\b", plain), plain


def test_the_sharper_measure_is_named_where_it_tells_what_accuracy_leaves_open():
    said = "By the probability that the models give the right class, a sharper measure"
    open_ones = dict.fromkeys((0.5, 1.0, 2.0), "cannot be told")
    _, _, sure = answer(*made(verdicts=open_ones, sharper={0.5: "worse", 2.0: "equivalent"}))
    assert (
        f"{said} than right and wrong, it is within 2 points of full fine-tuning and more than "
        "0.5 points below it."
    ) in sure
    _, _, alike = answer(*made(verdicts={2.0: "equivalent"}, sharper={2.0: "equivalent"}))
    _, _, neither = answer(*made(verdicts=open_ones))
    assert said not in alike + neither


def test_smaller_ranks_are_named_with_the_most_that_each_loses() -> None:
    """The smallest at every margin; one that did not train is not offered."""
    smaller = {1: (-1.2, -1.9, -0.5), 2: (-0.6, -0.9, -0.3), 4: (-0.5, -0.95, 0.0)}
    smaller |= {8: (0.1, -0.2, 0.4)}
    studied = {"rank": 16, "ranks": (1, 2, 4, 8, 16), "smaller": smaller}
    assert answer(*made(**studied))[0].endswith(
        "A smaller rank loses at most 0.5 points (rank 8), 1 point (rank 2) and 2 points (rank 1) "
        "to it on the test sentences (95 % intervals, all of them together)."
    )
    which = answer(*made(**studied, untrained=(1, 2)))[0]
    assert "0.5 points (rank 8) and 1 point (rank 4)" in which
    loses = {r: (-3.0, -4.0, -2.0) for r in smaller}
    assert "A smaller rank" not in answer(*made(**studied | {"smaller": loses}))[0]
