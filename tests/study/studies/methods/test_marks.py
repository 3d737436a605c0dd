"""The write-ups' words beside what was measured."""

from __future__ import annotations

from study.studies.methods.pages import marks
from tests.study.studies.methods.made import machine, record
from tests.study.studies.methods.test_table import line


def test_each_word_has_its_numbers() -> None:
    text = marks.words_table(record(), machine())
    assert line(text, "QLoRA") == [
        "QLoRA",
        "very good: 0.2 % trained, 8 kB a task",
        # 100 of 500 MB, both beyond 300 MB of an idle process.
        "very low: 0.67 of full's operations, 0.50 [0.47, 0.53] times its speed, "
        "0.20 times its memory",
        "high: beside the base only, 1.25 [1.00, 2.00] times the base's latency",
    ]
    assert line(text, "Full fine-tuning")[2] == "high: what the others are compared with"
    assert text.splitlines()[1] == "| :-- | :-- | :-- | :-- |"  # words begin at the left
    assert line(marks.words_table(record(), None), "LoRA")[3] == (
        "high: beside the base, or merged into it"
    )


def test_a_method_that_was_left_out_keeps_its_words() -> None:
    text = marks.words_table(record(left_out="prefix"), machine())
    assert line(text, "Prefix tuning") == ["Prefix tuning", "good", "low", "medium"]


def test_aspects_of_lora_over_full_fine_tunings() -> None:
    text = marks.aspects_table(record(), machine())
    assert line(text, "memory")[-1] == "0.20 times"
    assert line(text, "training speed")[-1] == "2.00 [1.90, 2.10] times"
    assert line(text, "storage per task")[-1] == "8 kB beside 4 MB"
    assert "1.02 times its operations" in line(text, "inference speed")[-1]
    without = record()
    without["methods"] = [row for row in without["methods"] if row["name"] != "lora"]
    assert "nothing to set beside" in marks.aspects_table(without, machine())


def test_the_quality_that_is_kept_has_an_interval_and_a_verdict() -> None:
    made = record()
    lora = made["methods"][2]
    quality = "97.5 % [94.5, 100.5] of its accuracy; 95 % or more: cannot be told"
    assert line(marks.aspects_table(made, None), "quality")[-1] == quality
    lora["of_full"] |= {"low": 0.951}
    assert line(marks.aspects_table(made, None), "quality")[-1].endswith("more: holds")
    lora["of_full"] |= {"share": 0.9, "low": 0.85, "high": 0.949}
    assert line(marks.aspects_table(made, None), "quality")[-1].endswith("more: does not hold")
    lora["of_full"] = None
    assert line(marks.aspects_table(made, None), "quality")[-1] == "-"
