"""The answer of instruction tuning: which rank, how far from full fine-tuning, what is sure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from study.pages.report import answer as of_the_main_study
from study.records.arm_names import FULL
from study.records.runs import Evaluation
from study.studies.instruct.answers.answer import QUESTIONS, answer
from study.studies.instruct.answers.choice import choice
from study.studies.instruct.answers.compare import Held
from study.studies.instruct.answers.learning import still_learning
from study.studies.instruct.answers.page import page
from study.studies.instruct.training.records import TunedRecord
from tests.study.studies.instruct import made


def test_the_questions_are_the_main_studys() -> None:
    assert QUESTIONS == of_the_main_study.QUESTIONS


def test_the_page_begins_with_the_answer() -> None:
    record = made.record({8: 3.03, 32: 3.0, 64: 3.0}, seeds=(0, 1, 2))
    which, close, sure = answer(record)
    assert which == (
        "Take **rank 32**: of the three ranks tried (8 to 64) it is the smallest that comes within "
        "the noise of the best on validation. It trains 3,200 parameters, 24.2 % of the model's."
    )
    assert close == (
        "On the held-out pairs rank 32 has a perplexity of 20.09 (lower is better), **level with "
        "full fine-tuning's** 20.09 (interval of the difference: 0.0 % to 0.0 % below); before "
        "tuning it is 148.4."
    )
    assert sure == (
        "**3 seeds** and 300 held-out pairs are enough to say that rank 32 is within 1 % of full "
        "fine-tuning."
    )
    text = page(record, {})
    assert text.index("*Which rank?* Take **rank 32**") < text.index("was tuned by LoRA")


@pytest.mark.parametrize(
    ("full", "noise", "words"),
    [
        (
            2.97,
            0.0,
            "is within 5 % of full fine-tuning and more than 2 % above full fine-tuning's per",
        ),
        (3.2, 0.0, "enough to say that rank 8 is more than 5 % below full fine-tuning's perplexi"),
        (3.0, 0.1, "rank 8 is within 2 % of full fine-tuning. They are too few to say whether it"),
        (3.0, 2.0, "too few to say whether rank 8 is within 1, 2 or 5 % of full fine-tuning"),
    ],
)
def test_every_verdict_has_its_words(full: float, noise: float, words: str) -> None:
    record = made.record({8: 3.0}, full=full, noise=noise, seeds=(0, 1, 2, 3, 4))
    assert words in answer(record)[2]


def test_a_question_is_told_at_the_least_margin_at_which_it_can_be() -> None:
    record = made.record({32: 3.0, 64: 3.0}, noise=0.06, seeds=(0, 1, 2, 3, 4))
    assert [rows[0]["verdict"] for rows in record["verdicts"].values()] == [
        *("cannot be told", "equivalent", "equivalent")
    ]
    (entry,) = [entry for entry in record["hypotheses"] if entry["about"] == "Ranks of 16 and more"]
    assert (entry["verdict"], entry["margin"]) == ("holds", 2.0)
    assert entry["evidence"].endswith("At 1 % we cannot say.")
    assert "| Ranks of 16 and more | do alike | **holds** at 2 % |" in page(record, {})


def test_the_smallest_rank_within_the_noise_of_the_best_is_picked() -> None:
    draw = np.random.default_rng(0)
    losses: dict[Any, Any] = {
        rank: 4 * (loss + draw.normal(0, 0.1, (3, 200)))
        for rank, loss in {8: 3.2, 16: 3.0, 32: 2.999}.items()
    }
    found = choice(Held([4] * 200, losses))
    assert found["rank"] == 16
    eight, sixteen, best = found["ranks"]
    assert eight["behind_best"] == pytest.approx(0.2, abs=0.03)
    assert eight["behind_best"] > eight["standard_error"] > 0
    assert sixteen["behind_best"] <= sixteen["standard_error"]
    assert found["best_rank"] == best["rank"] or found["best_rank"] == 16


def of_validation(*losses: float, curve: tuple[float, ...] = (5.0, 4.0, 3.5, 3.5)) -> TunedRecord:
    """Return full fine-tuning with these validation losses and this training loss."""
    _, arms = made.records({8: 3.0}, seeds=(0, 1))
    points = tuple(Evaluation(i, 10 * i, 0.4, loss) for i, loss in enumerate(losses, 1))
    runs = tuple(
        replace(run, validation=points, loss_values=curve, loss_steps=(5, 10, 15, 20))
        for run in arms[FULL].runs
    )
    return replace(arms[FULL], runs=runs)


def test_validation_tells_whether_an_arm_was_still_learning() -> None:
    assert still_learning(of_validation(3.5, 3.4), 5.0, 1.0)
    assert not still_learning(of_validation(3.5, 3.495), 5.0, 1.0)
    assert not still_learning(of_validation(3.4, 3.5), 5.0, 1.0)
    # One epoch: the training loss.
    assert still_learning(of_validation(3.0, curve=(4.8, 4.2, 3.6, 3.0)), 5.0, 1.0)
    assert not still_learning(of_validation(3.0, curve=(4.0, 3.2, 3.1, 3.05)), 5.0, 1.0)


def test_arms_that_were_still_learning_are_named() -> None:
    record = made.record({8: 3.0, 64: 3.0})
    assert "still learning" not in page(record, {})
    record["full"]["still_learning"] = record["ranks"][0]["still_learning"] = True
    assert "Rank 8 and full fine-tuning were **still learning** when training ended" in page(
        record, {}
    )


def test_a_picked_rate_beyond_which_none_was_tried_is_said():
    record = made.record({8: 3.0}, learning_rates=(0.01, 0.02), search_seeds=(0,))
    rates = {0.01: "smallest", 0.02: "largest"}
    for row in (*record["ranks"], record["full"]):
        row |= {"learning_rates": [0.01, 0.02, 0.04], "learning_rate": 0.02}
    assert "that was tried: beyond" not in page(record, {})
    for rate, words in rates.items():
        record["ranks"][0] |= {"learning_rates": [0.01, 0.02], "learning_rate": rate}
        said = f"For rank 8 it is the {words} that was tried: beyond it an arm may do better."
        assert said in page(record, {})


def test_rates_that_were_picked_are_told_with_who_picked_them() -> None:
    record = made.record({8: 3.0}, learning_rates=(0.01, 0.02), search_seeds=(0,))
    text = page(record, {})
    assert "picked on validation by 1 seed: 0.01 for full fine-tuning." in text
    assert "One learning rate alone was tried: 0.01 for rank 8." in text


def test_rates_that_early_exit_dropped_are_named() -> None:
    record = made.record({8: 3.0}, learning_rates=(0.01, 0.02), search_seeds=(0,))
    assert "early exit" not in page(record, {})
    record["full"]["dropped"] = [0.02]
    said = "Dropped before their end, by early exit: 0.02 for full fine-tuning."
    assert said in page(record, {})


def test_generated_text_is_scored_beside_the_losses() -> None:
    assert "models wrote" not in page(made.record({8: 3.0}), {})
    scores = {"before": [0.0, 0.5], "lora": [0.5, 1.0], "full": [1.0, 1.0]}
    arms = [
        {"arm": arm, "rank": 8 if arm == "lora" else None, "score": sum(each) / 2, "scores": each}
        for arm, each in scores.items()
    ]
    written = {"metric": "rouge_l", "seed": 0, "wanted": [], "arms": arms}
    record = made.record({8: 3.0}, written=written)
    assert record["generated"]["arms"][1]["score"] == 0.75
    text = page(record, {})
    assert "| Arm | ROUGE-L |" in text
    assert "| full fine-tuning | 1.000 (1.000 to 1.000) |" in text
    assert "| rank 8 | 0.750 (" in text
    match = made.record({8: 3.0}, written=written | {"metric": "exact_match"})
    assert "| Arm | Exact matches (share) |" in page(match, {})
