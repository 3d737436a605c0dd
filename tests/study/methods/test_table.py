"""The methods' tables, and the write-ups' words beside what was measured."""

from __future__ import annotations

from study.methods import marks, table
from tests.study.methods.made import machine, record


def line(text: str, label: str) -> list[str]:
    found = next(row for row in text.splitlines() if row.startswith(f"| {label} |"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_accuracy_and_gaps_in_points() -> None:
    text = table.markdown_quality(record())
    assert line(text, "Adapters") == [
        *("Adapters", "0.002", "79.0 [77.0, 81.0]"),
        *("-1.0 [-4.5, +2.5]", "+1.0 [-2.5, +4.5]"),
    ]
    assert line(text, "Full fine-tuning")[3] == "-"
    assert line(text, "LoRA")[4] == "-"


def test_costs_with_a_clock_and_without() -> None:
    text = table.markdown_cost(record(), machine())
    assert line(text, "LoRA") == [
        *("LoRA", "2,000", "0.2 %", "8 kB", "2 MB", "400 MB", "200"),
        *("0.67", "1.25", "yes"),
    ]
    assert line(text, "QLoRA")[4] == "500 kB"
    assert line(text, "QLoRA")[-1] == "no"
    assert line(text, "Head only")[-2:] == ["-", "-"]
    without = line(table.markdown_cost(record(), None), "LoRA")
    assert without[5:7] == ["-", "-"]
    assert without[7] == "0.67"
    assert any("not measured" in said for said in table.legend(record(), None))


def test_a_method_without_a_place_keeps_its_line_and_its_reason() -> None:
    made = record(left_out="prefix")
    for text in (table.markdown_quality(made), table.markdown_cost(made, machine())):
        assert set(line(text, "Prefix tuning")[1:]) == {"-"}
    assert "Prefix tuning was not trained: it has none." in table.legend(made, machine())
    assert "Prefix tuning" in marks.words_table(made, machine())


def test_each_word_has_its_numbers() -> None:
    cells = line(marks.words_table(record(), machine()), "QLoRA")
    assert cells == [
        "QLoRA",
        "very good: 0.2 % trained, 8 kB a task",
        "very low: 0.67 of full's operations, 0.50 times its speed, 0.50 times its memory",
        "high: beside the base only, 1.25 times the base's latency",
    ]
    assert line(marks.words_table(record(), None), "LoRA")[3] == (
        "high: beside the base, or merged into it"
    )


def test_orders_by_words_are_held_against_numbers() -> None:
    said = marks.contradictions(record(), machine())
    # QLoRA trains as many numbers as LoRA does: no fewer.
    assert said[0] == (
        "The order of parameter efficiency does not hold for trained parameters: "
        "QLoRA has 1.00 times LoRA's."
    )
    # Full fine-tuning and LoRA hold the same base; only QLoRA's is smaller.
    assert said[1].startswith("The order of parameter efficiency does not hold for bytes")
    assert "QLoRA" not in said[1]
    assert "Prefix tuning has 1.05 times Adapters's" in said[2]
    # QLoRA, said to be the cheapest, is the slowest here.
    assert "QLoRA has 4.00 times LoRA's" in said[3]
    assert "QLoRA has 2.00 times Full fine-tuning's" in said[3]
    assert "Adapters has" not in said[3]
    assert marks.contradictions(record(), None)[3].endswith("was not measured.")


def test_an_order_that_holds() -> None:
    made = record()
    for row, operations in zip(made["methods"], (300, 100, 200, 150, 250, 198, 201), strict=True):
        row["flops_per_token"] = operations
    assert marks.contradictions(made, None)[2] == (
        "The order of compute cost holds for operations a token."
    )


def test_aspects_of_lora_over_full_fine_tunings() -> None:
    text = marks.aspects_table(record(), machine())
    assert line(text, "memory")[-1] == "0.50 times"
    assert line(text, "training speed")[-1] == "2.00 times"
    assert line(text, "quality")[-1] == "97.5 % of its accuracy"
    assert line(text, "storage per task")[-1] == "8 kB beside 4 MB"
    assert "1.02 times its operations" in line(text, "inference speed")[-1]
    without = record()
    without["methods"] = [row for row in without["methods"] if row["name"] != "lora"]
    assert "nothing to set beside" in marks.aspects_table(without, machine())
