"""The figure of the methods: a line for each, and words that say what is to be seen."""

from __future__ import annotations

import pytest

from study.figures import methods, style
from tests.study.methods.made import record


def test_a_line_for_each_method_the_best_on_top() -> None:
    with style.styled():
        left, right = methods.draw(record(left_out="prefix")).axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["Full fine-tuning", "Adapters", "LoRA", "QLoRA", "IA³", "Head only"]
    bars = [bar.lines[0].get_xdata()[0] for bar in left.containers]
    assert bars == pytest.approx([80, 79, 78, 77, 75, 60])
    assert left.lines[0].get_xdata()[0] == pytest.approx(80)
    low, high = right.get_xlim()
    assert low < 100
    assert high > 1_000_000


def test_caption_and_alternative_have_the_numbers() -> None:
    caption = methods.caption(record())
    assert "that of Adapters: 79.0 %, 1.0 points below full fine-tuning." in caption
    assert "those of IA³: 500 or 0.05 % of all, for an accuracy 5.0 points below" in caption
    assert caption.endswith("holds 0 for Adapters, LoRA and QLoRA.")
    alternative = methods.alternative(record())
    assert "Full fine-tuning 80.0 % with 1,000,000" in alternative


def test_full_fine_tuning_alone() -> None:
    alone = record()
    alone["methods"] = alone["methods"][:2]
    with style.styled():
        methods.draw(alone)
    assert methods.caption(alone) == "Full fine-tuning reaches 80.0 %."
