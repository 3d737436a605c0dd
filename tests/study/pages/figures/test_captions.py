"""Captions and alternative texts of the figures say what the numbers say, for any study."""

from __future__ import annotations

import copy
import re

import pytest
from matplotlib.text import Text

from study.pages.figures import dynamics, pareto, rank_curve, theory_bound, theory_scalings
from study.pages.figures.catalogue import FIGURES
from study.pages.figures.theory_rows import (
    BOUND,
    FITTED,
    GRADIENT,
    LEARNED,
    POPULATION,
    TRAIN,
    TRUNCATION,
    UNREACHED,
    bound_rows,
    scaling_rows,
)
from tests.study.fake_theory import toy_theory
from tests.study.pages.report.made import SHAPES, made_records

SUMMARY = {
    "seeds": [0, 1],
    "test_sentences": 500,
    "confidence": 0.95,
    "head_only": {},
    "linear_probe": {"state": "mean"},
    "head_alone": "linear_probe",
}


def arm(name: str, rank: int | None, accuracy: float, seeds=(), **more):
    return {
        "arm": name,
        "rank": rank,
        "test_accuracy": accuracy,
        "seed_scores": list(seeds) or [accuracy, accuracy],
        "headline": False,
    } | more


def curve(**lora: float):
    rows = [arm("head_only", 1, 0.6), arm("linear_probe", 1, 0.7), arm("full", 1, 0.9)]
    return rows + [arm("lora", int(name[1:]), accuracy) for name, accuracy in lora.items()]


def tidy(sentence: str) -> None:
    assert sentence.endswith(".")
    assert "  " not in sentence
    assert not re.search(r"nan|None|\{|\}", sentence)


def test_the_rank_curve_names_its_best_and_worst_rank_and_the_change():
    caption = rank_curve.caption(curve(r8=0.84, r1=0.8, r2=0.7), SUMMARY)
    assert "best at rank 8 (84.0 %) and worst at rank 2 (70.0 %)" in caption
    others = "full fine-tuning reaches 90.0 % and the best head alone (a linear probe on"
    assert f"{others} mean-pooled states) 70.0 %" in caption
    assert "From the smallest rank to the largest, accuracy rises by 4.0 points" in caption
    assert "two seeds of the same rank differ by up to 0.0 points" in caption


def test_the_rank_curve_tells_of_the_head_that_validation_picked():
    own = SUMMARY | {"head_alone": "head_only"}
    for words in (rank_curve.caption, rank_curve.alternative):
        text = words(curve(r1=0.8), own)
        assert "the best head alone (the model's own head, trained)" in text
        assert "60.0 %" in text
        assert "70.0 %" not in text


def test_a_loss_over_the_ranks_is_called_one():
    caption = rank_curve.caption(curve(r1=0.84, r8=0.8), SUMMARY)
    assert "From the smallest rank to the largest, accuracy falls by 4.0 points" in caption


def test_the_spread_is_the_widest_of_one_rank_and_not_between_ranks():
    seeds = {1: (0.4, 0.6), 2: (0.89, 0.91)}
    rows = [*curve(), *(arm("lora", rank, 0.5, of_rank) for rank, of_rank in seeds.items())]
    assert "two seeds of the same rank differ by up to 20.0 points" in rank_curve.caption(
        rows, SUMMARY
    )


def test_one_rank_and_one_seed_are_said_to_be_one():
    caption = rank_curve.caption(curve(r4=0.8), SUMMARY | {"seeds": [0]})
    assert caption.startswith("LoRA of rank 4 reaches 80.0 %;")
    assert "With one seed" in caption
    assert "One seed" in rank_curve.alternative(curve(r4=0.8), SUMMARY | {"seeds": [0]})


def test_the_alternative_of_the_rank_curve_holds_every_number_in_order_of_rank():
    text = rank_curve.alternative(curve(r8=0.84, r1=0.8), SUMMARY)
    assert "80.0 % at rank 1 and 84.0 % at rank 8" in text


def front(gap: float):
    size = {"trainable_parameters": 1000, "trainable_share": 0.01, "on_front": True}
    return [
        arm("head_only", None, 0.5, **size),
        arm("lora", 4, 0.6, **size | {"on_front": False}),
        arm("lora", 8, 0.8 + gap, **size | {"headline": True}),
        arm("full", None, 0.8, **size | {"trainable_share": 1.0}),
    ]


@pytest.mark.parametrize(
    ("gap", "said"),
    [(-0.02, "2.0 points below"), (0.01, "1.0 points above"), (0.0, "level with")],
)
def test_the_front_is_listed_and_the_headline_set_beside_full(gap, said):
    caption = pareto.caption(front(gap), SUMMARY)
    assert "head only, rank 8 and full fine-tuning" in caption
    assert f"trains 1,000 parameters, 1 % of all, and is {said} full fine-tuning" in caption
    assert "rank 4 60.0 % with 1,000" in pareto.alternative(front(gap), SUMMARY)


def test_training_ends_where_its_last_step_ends():
    ends = {("head_only", None): 0.6, ("full", None): 0.1, ("lora", 1): 0.4, ("lora", 8): 0.2}
    rows = [
        {"arm": name, "rank": rank, "quantity": quantity, "step": step, "value": value}
        for (name, rank), end in ends.items()
        for quantity in ("training loss", "validation accuracy")
        for step, value in ((20, end), (10, 0.99))
    ]
    caption = dynamics.caption(rows, SUMMARY)
    assert "0.20 to 0.40 with LoRA, 0.10 with full fine-tuning and 0.60 with the head" in caption
    assert "20.0 % to 40.0 % with LoRA" in caption
    assert "is that of each run's best epoch" in caption
    one = [row for row in rows if row["rank"] != 8]
    assert "At the last step loss is 0.40 with LoRA" in dynamics.caption(one, SUMMARY)
    assert "over 20 steps" in dynamics.alternative(rows, SUMMARY)


def bound_table(learned: float, truncation: float):
    """Every bound is 1; the best fit for new inputs is of rank 2."""
    values = {
        (TRAIN, BOUND): (1, 1, 1),
        (TRAIN, LEARNED): (1, learned, 1),
        (POPULATION, BOUND): (1, 1, 1),
        (POPULATION, TRUNCATION): (1, truncation, 1),
        (POPULATION, FITTED): (5, 3, 4),
    }
    return [
        {"input": "isotropic", "quantity": quantity, "series": series, "rank": rank, "value": value}
        for (quantity, series), of in values.items()
        for rank, value in zip((1, 2, 4), of, strict=True)
    ]


def test_the_bound_is_met_or_missed_by_what_is_said():
    caption = theory_bound.caption(bound_table(1.25, 1.5))
    assert "the loss of B A ends up to 25 % above it" in caption
    assert "errs up to 50 % more than the best on isotropic inputs" in caption
    assert "the best rank for new inputs is 2 on isotropic inputs" in caption
    caption = theory_bound.caption(bound_table(1.0, 1.0))
    assert "ends less than 0.1 % above it" in caption
    assert "is as good as the best on isotropic inputs" in caption


def test_what_the_scalings_leave_is_told_of_the_largest_rank():
    _, learned = toy_theory()
    rows = copy.deepcopy(scaling_rows(learned))
    largest = max(row["rank"] for row in rows)
    for row in rows:
        if row["quantity"] == UNREACHED:
            row["value"] = 0.25 if row["rank"] == largest else 0.75
        if row["quantity"] == GRADIENT:
            row["value"] = float(row["rank"])
    caption = theory_scalings.caption(rows)
    assert f"at rank {largest}" in caption
    assert "SGD leaves 25 % with α fixed" in caption
    assert "75 %" not in caption
    assert f"is multiplied by {largest} with α fixed" in caption
    one = [row for row in rows if row["rank"] == largest]
    assert "With one rank" in theory_scalings.caption(one)


def test_the_real_theory_stages_give_whole_sentences():
    bound, learned = toy_theory()
    for module, rows in (
        (theory_bound, bound_rows(bound, learned)),
        (theory_scalings, scaling_rows(learned)),
    ):
        tidy(module.caption(rows))
        tidy(module.alternative(rows))


@pytest.mark.parametrize("metric", ["macro F1", "Matthews", "log loss"])
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "calibration"])
def test_no_figure_of_another_metric_says_accuracy(name: str, metric: str) -> None:
    """Drawn words are searched too; calibration is of accuracy whatever the metric is."""
    records = made_records(SHAPES[metric])
    records = records | dict(zip(("theory_bound", "theory"), toy_theory(), strict=True))
    entry = FIGURES[name]
    drawn = [text.get_text() for text in entry.draw(records).findobj(Text)]
    for words in (*drawn, entry.caption(records), entry.alternative(records)):
        assert "ccurac" not in words
