"""The comparison as a table, with the machine's part and without it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from study.analyses.cost import table

COST: dict[str, Any] = {
    "arms": [
        {"arm": "head_only", "rank": None, "trainable_parameters": 770}
        | {"trainable_share": 3.39e-5, "storage_bytes": 3080, "mergeable": None}
        | {"test_accuracy": 0.687, "low": 0.671, "high": 0.7034},
        {"arm": "lora", "rank": 8, "trainable_parameters": 74498}
        | {"trainable_share": 0.00327, "storage_bytes": 302021, "mergeable": True}
        | {"test_accuracy": 0.788, "low": 0.771, "high": 0.804},
        {"arm": "full", "rank": None, "trainable_parameters": 22713986}
        | {"trainable_share": 1.0, "storage_bytes": 90867952, "mergeable": None}
        | {"test_accuracy": 0.812, "low": 0.799, "high": 0.825},
    ],
    "confidence": 0.95,
}


def model(milliseconds: float, ratio: float, **more: Any) -> dict[str, Any]:
    spread = {"median": milliseconds, "low": milliseconds, "high": milliseconds + 1}
    return {"milliseconds": spread, "interval": {"ratio": ratio, "low": 0.99, "high": 1.5}} | more


def machine(device: str = "cpu") -> dict[str, Any]:
    arms = [("head_only", None), ("lora", 8), ("full", None)]
    return {
        "device": "A processor <fast>",
        "device_type": device,
        "precision": "bf16",
        "threads": 2,
        "sentences": 256,
        "repeats": 5,
        "latency": [
            {
                "precision": "fp32",
                "batch_size": 1,
                "base": model(5.0, 1.0),
                "base_again": model(5.0, 1.0),
                "merged": [
                    model(5.1, 1.01, rank=8, words="as fast"),
                    model(5.3, 1.02, rank=32, words="not told"),
                ],
                "unmerged": [model(6.25, 1.25, rank=8)],
            }
        ],
        "training": [
            {"arm": arm, "rank": rank, "sentences_per_second": {"median": 100.0 + place}}
            for place, (arm, rank) in enumerate(arms)
        ],
        "memory": [
            {
                "arm": arm,
                "rank": rank,
                "peak_memory_bytes": 10**9,
                "peak_gpu_memory_bytes": 2 * 10**9 if device == "cuda" else None,
            }
            if arm != "full"
            else {"arm": arm, "rank": rank, "reason": "ended"}
            for arm, rank in arms
        ],
    }


def test_a_row_for_each_method_with_all_that_is_known():
    head, lora, full = table.rows(COST, machine())
    assert len(head) == len(lora) == len(full) == len(table.COLUMNS)
    assert lora == (
        *("LoRA, rank 8", "74,498", "0.327 %", "302 kB", "1 GB", "101"),
        *("6.25", "5.10", "5.00", "yes", "78.8 [77.1, 80.4]"),
    )
    assert head[3] == "3.08 kB"
    assert head[6:9] == ("-", "-", "5.00")  # nothing to merge: it runs as the base does
    assert full[3:5] == ("90.9 MB", "-")  # its memory could not be measured


def test_on_a_gpu_the_tensors_count():
    assert table.rows(COST, machine("cuda"))[1][4] == "2 GB"
    assert "tensors on the GPU" in " ".join(table.legend(COST, machine("cuda")))


def test_without_the_machines_file_the_rest_is_there():
    for with_machine, without in zip(
        table.rows(COST, machine()), table.rows(COST, None), strict=True
    ):
        assert without[:4] == with_machine[:4]
        assert set(without[4:9]) == {"-"}
        assert without[9:] == with_machine[9:]
    assert "not measured" in " ".join(table.legend(COST, None))
    assert "not measured" not in " ".join(table.legend(COST, machine()))


def test_a_rank_that_the_machines_file_does_not_have_yet_stays_empty():
    newer = COST | {"arms": [*COST["arms"], COST["arms"][1] | {"rank": 64}]}
    assert set(table.rows(newer, machine())[-1][4:8]) == {"-"}


def test_a_rank_that_was_not_merged_has_the_latency_of_the_largest_that_was():
    """A merged model has the base's shapes, whatever the rank was."""
    other = machine()
    other["latency"][0]["unmerged"].append(model(6.0, 1.2, rank=16))
    arms = COST | {"arms": [*COST["arms"], COST["arms"][1] | {"rank": 16}]}
    rows = table.rows(arms, other)
    assert [rows[place][7] for place in (1, -1)] == ["5.10", "5.30"]


def test_the_linear_probe_was_not_timed_and_the_rest_of_its_row_is_there():
    """The base's latency stands in every other row; here it would be read as the probe's."""
    probe = {"arm": "linear_probe", "rank": None, "trainable_parameters": 385}
    probe |= {"trainable_share": 1.7e-5, "storage_bytes": 1540, "mergeable": None}
    probe |= {"test_accuracy": 0.74, "low": 0.724, "high": 0.756}
    (row,) = table.rows(COST | {"arms": [probe]}, machine())
    assert row[:4] == ("Linear probe", "385", "0.0017 %", "1.54 kB")
    assert row[4:] == ("-", "-", "-", "-", "-", "-", "74.0 [72.4, 75.6]")
    assert "The linear probe was not timed." in table.legend(COST, machine())


def test_the_terminal_has_columns_of_one_width_and_a_legend():
    lines = table.text_table(COST, machine()).splitlines()
    assert len({len(line) for line in lines[:5]}) == 1
    assert "Merged into the base, rank 8: as fast; rank 32: not told." in lines[10]
    assert len({len(line) for line in lines[-7:]}) == 1


def test_markdown_has_as_many_cells_in_every_row():
    lines = table.markdown_table(COST, None).splitlines()
    assert len(lines) == 2 + 3
    assert {line.count("|") for line in lines} == {len(table.COLUMNS) + 1}


class Cells(HTMLParser):
    """Collects the text of each row's cells."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, text: str) -> None:
        if text.strip():
            self.rows[-1].append(text)


def test_html_holds_the_same_cells_escaped():
    strange = COST | {"arms": [COST["arms"][1] | {"rank": "<8> & more"}]}
    text = table.html_table(strange, None)
    assert "<8>" not in text
    parser = Cells()
    parser.feed(text)
    assert parser.rows[0] == list(table.COLUMNS)
    assert parser.rows[1] == list(table.rows(strange, None)[0])


@pytest.mark.parametrize(
    ("count", "said"),
    [(999, "999 B"), (3080, "3.08 kB"), (999_999, "1,000 kB"), (1.2e6, "1.2 MB"), (9e10, "90 GB")],
)
def test_bytes_have_three_figures(count: float, said: str):
    assert table.size(int(count)) == said


def test_latency_has_a_row_for_each_model():
    rows = table.latency_rows(machine())
    assert [row[2] for row in rows] == [
        "Base",
        "Base, a second copy",
        "LoRA, rank 8, merged",
        "LoRA, rank 32, merged",
        "LoRA, rank 8, unmerged",
    ]
    assert rows[0][3:] == ("5.00 [5.00, 6.00]", "1")
    assert rows[4][:2] + rows[4][4:] == ("fp32", "1", "1.250 [0.990, 1.500]")
