"""Orders that words put methods in, held against numbers: counted, timed, and measured once."""

from __future__ import annotations

from typing import Any

import pytest

from study.studies.methods.pages.orders import Order, Value, orders, sentence
from tests.study.studies.methods.made import machine, record

NOISE = "the noise does not let us see which of these takes less:"


def order(is_counted: bool, **values: Any) -> str:
    """Return the sentence on an order of two methods: LoRA is to take less than adapters."""
    levels = {"adapter": 1, "lora": 2}
    return sentence(Order("cost", "time", levels, values, "long", is_counted))


def _sentence(said: str) -> str:
    if said.startswith("OPEN: "):
        rest = said.removeprefix("OPEN: ")
        marks = "We cannot say whether the marks for cost put the methods in the right order"
        return f"{marks} by time: {rest}"
    return f"The marks for cost {said}"


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        (100.0, "do not put the methods in the right order by time: LoRA as long as Adapters."),
        (101.9, "do not put the methods in the right order by time: LoRA as long as Adapters."),
        (98.2, "do not put the methods in the right order by time: LoRA as long as Adapters."),
        (98.0, "put the methods in the right order by time."),
        (
            110.0,
            "do not put the methods in the right order by time: "
            "LoRA 1.10 times as long as Adapters.",
        ),
    ],
)
def test_a_count_within_2_percent_is_as_many_and_contradicts(lora: float, said: str) -> None:
    values = {"adapter": Value.give_or_take(100, 0.02), "lora": Value.give_or_take(lora, 0.02)}
    assert order(True, **values) == _sentence(said)


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        (Value(95, 90, 99), "put the methods in the right order by time."),
        (Value(95, 90, 101), f"OPEN: {NOISE} LoRA or Adapters."),
        (Value(120, 105, 130), f"OPEN: {NOISE} LoRA or Adapters."),
        (
            Value(120, 111, 130),
            "do not put the methods in the right order by time: "
            "LoRA 1.20 times as long as Adapters.",
        ),
    ],
)
def test_a_measurement_whose_range_meets_another_is_open(lora: Value, said: str) -> None:
    assert order(False, adapter=Value(100, 100, 110), lora=lora) == _sentence(said)


def test_what_one_of_two_lacks_was_not_measured() -> None:
    assert order(False, lora=Value(1, 1, 1)).endswith("cannot be checked by time: not measured.")


def test_orders_of_a_comparison() -> None:
    said = orders(record(), machine())
    assert said[0] == (
        "The marks for parameter efficiency do not put the methods in the right order by trained "
        "parameters: "
        "QLoRA as many as LoRA."
    )
    # Full fine-tuning holds as many bytes as the others here, but for QLoRA.
    assert "LoRA as many as Full fine-tuning" in said[1]
    assert "QLoRA" not in said[1]
    assert "Prefix tuning 1.05 times as many as Adapters" in said[2]
    # QLoRA, said to be the cheapest, is the slowest here.
    assert "QLoRA 4.00 times as long as LoRA" in said[3]
    assert "QLoRA 2.00 times as long as Full fine-tuning" in said[3]
    assert "Adapters 1" not in said[3]
    assert said[4].startswith(  # all but full fine-tuning take as much
        "We cannot say whether the marks for compute cost put the methods in the right order by "
        f"peak of training memory: {NOISE} Prefix tuning or "
    )
    assert "as much as" not in said[4]
    assert all(each.endswith(": not measured.") for each in orders(record(), None)[3:])


def test_an_order_that_holds() -> None:
    made = record()
    for row, operations in zip(made["methods"], (300, 100, 200, 150, 250, 198, 201), strict=True):
        row["flops_per_token"] = operations
    assert orders(made, None)[2] == (
        "The marks for compute cost put the methods in the right order by operations a token."
    )
