"""The answer, the pairs, the claims and the page, of placements with made-up accuracies."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from study.claims.elsewhere import IN_PLACEMENT
from study.claims.list import CLAIMS
from study.records.logits import Logits
from study.studies.placement.answers import figure, page
from study.studies.placement.answers.answer import sides
from study.studies.placement.answers.arms import Arm, at_equal_parameters, by_placement
from study.studies.placement.answers.record import metrics, placement_record, plot_rows
from tests.study.studies.placement import made


def only(accuracy: float) -> dict[str, float]:
    return {"all_linear": accuracy}


def verdict(found: dict[str, Any], claim: str) -> str:
    (row,) = [row for row in found["claims"] if claim in row["claim"]]
    return str(row["verdict"])


@pytest.mark.parametrize(
    ("accuracy", "expected", "start"),
    [
        (0.90, "more modules", "**More modules**: with about as many trained parameters, LoRA in "
            "all linear layers scores "),
        (0.70, "more rank", "**More rank**: with about as many trained parameters, LoRA in query "
            "and value at a higher rank scores "),
    ],
)  # fmt: skip
def test_the_first_sentence_answers(accuracy: float, expected: str, start: str) -> None:
    answer = made.record(only(accuracy))["answer"]
    assert answer["verdict"] == expected
    assert answer["words"][0].startswith(start)
    assert answer["ranks"] == [[4, 16], [8, 32]]  # 4.6 times as many at the same rank
    assert (answer["low"] > 0) == (expected == "more modules")
    number = float(re.findall(r"scores ([\d.]+) points more", answer["words"][0])[0])
    assert number == pytest.approx(abs(answer["difference"]), abs=0.05)


def test_what_is_alike_within_a_margin_and_what_is_not_told() -> None:
    arms = made.sweep().lora
    same = [
        replace(cell, record=replace(arms[8], adapter_parameters=cell.record.adapter_parameters))
        for cell in made.cells(only(0.8))
        if cell.record is not None
    ]
    equal = {rank: replace(arms[8], adapter_parameters=arms[rank].adapter_parameters,
                           rank=rank) for rank in arms}  # fmt: skip
    sweep = replace(made.sweep(), lora=equal)
    answer = placement_record(sweep, same, {}, made.STATISTICS)["answer"]
    assert answer["verdict"] == "either"
    assert answer["margin"] == min(made.STATISTICS.margins)
    assert answer["words"][0].startswith("**Either**")
    open_ = made.record(only(0.803), replace(made.STATISTICS, margins=(0.01,)))["answer"]
    assert open_["low"] < 0 < open_["high"]
    assert open_["verdict"] == "cannot be told"
    assert open_["words"][0].startswith("**We cannot tell yet**")


def test_the_gains_from_the_same_start() -> None:
    answer = made.record(only(0.85))["answer"]
    assert answer["gain_of_modules"]["difference"] == pytest.approx(5, abs=1.5)
    assert answer["gain_of_rank"]["difference"] == pytest.approx(0, abs=1.5)
    (sentence,) = [words for words in answer["words"] if words.startswith("From LoRA in query")]
    assert "more rank in the same modules brings" in sentence


def test_without_ranks_that_train_as_many_nothing_is_told() -> None:
    sweep = made.sweep()
    few = replace(sweep, lora={4: sweep.lora[4]})
    answer = placement_record(few, made.cells(only(0.9)), {}, made.STATISTICS)["answer"]
    assert answer["verdict"] == "cannot be told"
    assert "4.6 times as many" in answer["words"][0]
    alone = placement_record(sweep, made.cells({}), {}, made.STATISTICS)
    assert alone["answer"]["words"] == ["**Not told**: there is one placement alone."]
    assert page.blocks(alone)["pairs"].count("None of the ranks") == 2


def test_where_the_main_study_adapts_all_linear_layers() -> None:
    """The narrow side is then query and value, trained here."""
    wide = made.MAIN | {"name": "all_linear"}
    lora = {rank: made.arm("all_linear", rank, 0.8) for rank in (1, 2, 4)}
    cells = made.cells({"query_value": 0.7, "mlp": 0.75}, main=wide)
    sweep = replace(made.sweep(), lora=lora)
    found = placement_record(sweep, cells, {}, made.STATISTICS)
    answer = found["answer"]
    assert (answer["wide"], answer["narrow"]) == ("all_linear", "query_value")
    assert answer["verdict"] == "more modules"
    assert answer["ranks"] == [[1, 4], [2, 8]]
    assert [row["label"] for row in found["arms"]][:3] == ["all linear layers"] * 3


def test_modules_that_are_no_placement_are_named() -> None:
    cells = made.cells(only(0.8), main=made.MAIN | {"name": None, "modules": ["a.query", "b"]})
    found = placement_record(made.sweep(), cells, {}, made.STATISTICS)
    assert found["main"]["label"] == "a.query and b"
    assert found["answer"]["narrow"] == "main"
    assert verdict(found, "in the MLP does better than in query and value") == "cannot be told"
    with_style(found)


def test_a_placement_that_the_settings_put_elsewhere_stands_beside_the_main_studys() -> None:
    found = made.record({"query_value": 0.8, "all_linear": 0.8})
    names = [(row["name"], row["main"]) for row in found["arms"]]
    assert names[: len(made.MAIN_RANKS)] == [("main", True)] * len(made.MAIN_RANKS)
    assert ("query_value", False) in names
    assert found["answer"]["narrow"] == "main"


def test_no_arm_stands_in_two_pairs_and_none_trains_much_more() -> None:
    def arm(name: str, rank: int, parameters: int) -> Arm:
        record = replace(made.arm("mlp", rank, 0.8), adapter_parameters=parameters)
        return Arm(name, name, rank, False, record)

    ones = [arm("one", 1, 100), arm("one", 2, 120), arm("one", 4, 1000)]
    others = [arm("other", 1, 110), arm("other", 2, 700)]
    pairs = at_equal_parameters(ones, others)
    assert [(pair.one.rank, pair.other.rank) for pair in pairs] == [(2, 1)]
    assert at_equal_parameters(ones, []) == []
    assert sides(by_placement(ones)) is None


def test_pairs_and_arms_have_intervals_and_verdicts() -> None:
    found = made.record(made.EVERY | {"lower_half": 0.6})
    assert {row["one"]["name"] for row in found["equal_rank"]} == set(made.EVERY)
    for row in (*found["equal_rank"], *found["equal_parameters"]):
        assert row["low"] <= row["difference"] <= row["high"]
        assert [one["margin"] for one in row["verdicts"]] == list(made.STATISTICS.margins)
        assert 1 / 1.3 <= row["parameters"] <= 1.3 or row in found["equal_rank"]
    lower = [row for row in found["equal_rank"] if row["one"]["name"] == "lower_half"]
    assert {one["verdict"] for row in lower for one in row["verdicts"]} == {"worse"}
    for row in found["arms"]:
        assert (row["to_full"]["verdicts"] is None) == row["main"]
        gap = 100 * (row["test_accuracy"] - found["full"]["test_accuracy"])
        assert row["to_full"]["difference"] == pytest.approx(gap)
    shown = metrics(found)
    assert shown["wide_less_narrow"]["difference"] == found["answer"]["difference"]
    assert shown["mlp-r4"]["to_full"] == next(
        row["to_full"]["difference"]
        for row in found["arms"]
        if (row["name"], row["rank"]) == ("mlp", 4)
    )


def test_claims_have_a_source_and_a_verdict() -> None:
    found = made.record(
        {"attention": 0.7, "mlp": 0.9, "all_linear": 0.9, "upper_half": 0.9, "lower_half": 0.7}
    )
    assert all(row["source"] for row in found["claims"])
    assert verdict(found, "in the MLP does better than in all of attention") == "holds"
    assert verdict(found, "in the MLP does better than in query and value") == "holds"
    assert verdict(found, "query and value are the best") == "does not hold"
    assert verdict(found, "matches full fine-tuning") == "does not hold"  # 8 points above
    assert verdict(found, "does better than the lower half") == "holds"
    left_out = made.record({"mlp": 0.8})
    (row,) = [row for row in left_out["claims"] if "matches full" in row["claim"]]
    assert row["verdict"] == "cannot be told"
    assert "it has none" in row["numbers"]["why"]


def test_the_probability_of_the_right_class_stands_beside() -> None:
    sweep, cells = made.sweep(), made.cells(only(0.8))
    labels = np.array(sweep.full.test_labels)
    draw = np.random.default_rng(0)

    def logits(shift: float) -> Logits:
        signs = np.where(np.eye(2)[labels] == 1, 1.0, -1.0)
        own = {
            seed: (shift * signs + draw.normal(size=(len(labels), 2))).astype(np.float32)
            for seed in (0, 1, 2)
        }
        return Logits(own, own, labels, labels)

    read = {("lora", rank): logits(0.5) for rank in sweep.lora}
    read |= {("all_linear", rank): logits(1.0) for rank in made.RANKS}
    answer = placement_record(sweep, cells, read, made.STATISTICS)["answer"]
    assert answer["probability"]["low"] > 5
    assert "probability of the right class, a sharper measure" in answer["words"][-1]


def test_the_page_begins_with_the_answer_and_shows_all() -> None:
    found = made.record(made.EVERY)
    cells = [
        replace(cell, place=dict(made.MAIN, note="keys are adapted too")) if cell.record else cell
        for cell in made.cells(made.EVERY)
    ]
    noted = placement_record(made.sweep(), cells, {}, made.STATISTICS)
    blocks = page.blocks(noted)
    assert blocks["answer"].startswith(found["answer"]["words"][0])
    assert blocks["arms"].count("\n| ") - 1 == len(found["arms"])
    assert "LoRA in the MLP: keys are adapted too." in blocks["arms"]
    assert "0.001 (of 0.001, 0.003)" in blocks["arms"]
    assert blocks["claims"].count("Source: ") == len(found["claims"])
    assert "Left out" not in blocks["arms"]
    assert "Left out: LoRA in the MLP, as it has none." in page.blocks(made.record({}))["arms"]


def with_style(found: dict[str, Any]) -> Any:
    drawn = figure.draw(found)
    assert figure.caption(found).endswith("the ranks of a placement.")
    return drawn


def test_the_figure_has_a_line_a_placement_and_the_rows_its_points() -> None:
    found = made.record(made.EVERY)
    axes = with_style(found).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert len(labels) == 7
    assert {"Query and value", "The MLP", "Full fine-tuning"} <= set(labels)
    told = figure.alternative(found)
    rows = plot_rows(found)
    assert len(rows) == len(found["arms"])
    for row in rows:
        assert f"{row['placement']} at rank {row['rank']} {row['difference']:+.1f}" in told
    assert set(figure.colours()) >= {row["placement"] for row in rows}


def test_the_claims_that_the_main_study_leaves_to_it_are_among_its_own() -> None:
    words = {row["claim"] for row in made.record(only(0.8))["claims"]}
    assert set(IN_PLACEMENT.values()) <= words
    assert IN_PLACEMENT.keys() <= {claim.name for claim in CLAIMS}
