"""The figure of the methods: a line for each, and words that say what is to be seen."""

from __future__ import annotations

import pytest

from study.pages.figures import style
from study.studies.methods.pages import figure
from tests.study.studies.methods.made import record


def test_a_line_for_each_method_the_best_on_top() -> None:
    with style.styled():
        left, right = figure.draw(record(left_out="prefix")).axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == [
        *("Full fine-tuning  80.0 %", "Adapters  79.0 %", "LoRA  78.0 %", "QLoRA  77.0 %"),
        *("IA³  75.0 %", "Head only  60.0 %"),
    ]
    bars = [bar.lines[0].get_xdata()[0] for bar in left.containers]
    assert bars == pytest.approx([0, -1, -2, -3, -5, -20])
    assert left.lines[0].get_xdata() == [0, 0]  # full fine-tuning's level
    low, high = right.get_xlim()
    assert low < 100
    assert high > 1_000_000


def test_intervals_are_those_of_the_paired_differences() -> None:
    made = record()
    made["methods"][2]["to_full"] |= {"low": -0.024, "high": -0.016}  # LoRA's
    with style.styled():
        left, _ = figure.draw(made).axes
    _, _, lora, *_ = left.containers
    (segment,) = lora.lines[2][0].get_segments()
    assert [x for x, _ in segment] == pytest.approx([-2.4, -1.6])
    assert not left.containers[0].has_xerr  # full fine-tuning, of which the differences are


def test_caption_says_what_differs_from_lora() -> None:
    made = record()
    for row in made["methods"]:
        if row["name"] == "prefix":
            row["to_lora"] |= {"low": -0.1, "high": 0.01}
    assert figure.caption(made).startswith(
        "We cannot say of any other method that tunes few parameters that it is better or worse "
        "than LoRA. Head only differs from it. We cannot say whether Adapters, LoRA or QLoRA "
        "differ from full fine-tuning. "
    )
    made["methods"][4]["to_lora"] |= {"low": 0.001}
    assert figure.caption(made).startswith(
        "These differ from LoRA in accuracy: Adapters and Head only. "
    )
    made["methods"][4]["to_lora"] |= {"low": -0.001}
    made["methods"][1]["to_lora"] |= {"high": 0.001}
    assert figure.caption(made).startswith(
        "We cannot say of anything here that it differs from LoRA. "
    )
    alone = record(left_out="lora")
    for row in alone["methods"]:
        row["to_lora"] = None
    assert figure.caption(alone).startswith("We cannot say whether Adapters or QLoRA differ from")


def test_caption_says_what_differs_from_full_fine_tuning() -> None:
    made = record(left_out="lora")
    for row in made["methods"]:
        if row["name"] == "adapter":
            row["to_full"] |= {"high": -0.001}
    said = figure.caption(made)
    assert "We cannot say whether QLoRA differs from full fine-tuning." in said
    for row in made["methods"]:
        if row["name"] == "qlora":
            row["to_full"] |= {"high": -0.001}
    said = figure.caption(made)
    assert "Each method that tunes few parameters differs from full fine-tuning." in said


def test_caption_and_alternative_have_the_numbers() -> None:
    caption = figure.caption(record())
    assert "Adapters scores highest: 79.0 %, 1.0 points below full fine-tuning." in caption
    assert (
        "IA³ trains the fewest parameters: 500, or 0.05 % of all, and is 5.0 points below full "
        "fine-tuning."
    ) in caption
    assert "interval of their difference lies on one side of 0; each is looked at" in caption
    alternative = figure.alternative(record())
    assert "Full fine-tuning 80.0 % with 1,000,000" in alternative
    assert "LoRA 78.0 % (-5.5 to +1.5 points) with 2,000" in alternative


def test_full_fine_tuning_alone() -> None:
    alone = record()
    alone["methods"] = alone["methods"][:2]
    with style.styled():
        figure.draw(alone)
    assert figure.caption(alone) == "Full fine-tuning reaches 80.0 %."
