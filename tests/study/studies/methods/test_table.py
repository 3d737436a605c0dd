"""The methods' tables, and what stands below them."""

from __future__ import annotations

from study.studies.methods.pages import table
from tests.study.studies.methods.made import machine, record


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
        *("LoRA", "2,000", "0.2 %", "8 kB", "2 MB", "100 MB", "200"),
        *("0.67", "1.25 [1.00, 2.00]", "yes"),
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


def test_a_rate_that_was_picked_says_of_which() -> None:
    made = record()
    assert table.picked(made).startswith("Every method has one learning rate")
    row = made["methods"][4]
    row["rates"] = [{"rate": 0.002, "validation": 0.8}, {"rate": 0.01, "validation": 0.65}]
    assert line(table.markdown_quality(made), "Adapters")[1] == "0.002 (of 0.002, 0.01)"
    assert table.picked(made).endswith(
        "(in brackets): Adapters 0.002 of 0.002 (80.0 %) and 0.01 (65.0 %). The others have one."
    )


def test_what_the_stored_size_of_pissa_is() -> None:
    assert not any("twice the rank" in said for said in table.legend(record(), None))
    made = record()
    made["methods"][3] |= {"name": "pissa", "label": "PiSSA"}
    assert any("twice the rank" in said for said in table.legend(made, None))


def test_the_linear_probe_stands_below_head_only_with_what_it_has() -> None:
    made = record()
    for rows in (table.quality_rows(made), table.cost_rows(made, machine())):
        labels = ["Full fine-tuning", "Head only", "Linear probe", "LoRA"]
        assert [row[0] for row in rows[:4]] == labels
    assert line(table.markdown_quality(made), "Linear probe") == [
        *("Linear probe", "-", "65.0 [63.0, 67.0]"),
        *("-15.0 [-17.0, -13.0]", "-13.0 [-16.0, -10.0]"),
    ]
    assert line(table.markdown_cost(made, machine()), "Linear probe") == [
        *("Linear probe", "50", "0.005 %", "200 B", "2 MB", "-", "-", "0.33", "-", "-")
    ]
    (said,) = [said for said in table.legend(made, None) if said.startswith("Linear probe")]
    assert "on mean-pooled states of the frozen encoder" in said
    assert "over sentences alone" in said
    assert "the fit itself is not counted" in said
