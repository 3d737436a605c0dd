"""The figure and the table show everything, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import figure, report
from benchmarks.rows import all_rows, causal_rows
from benchmarks.study_cost import Sizes, Stage
from study.pages.figures import style
from tests.benchmarks.made import causal, variants
from tests.study.pages.figures.test_figures import check_texts, drawn_texts


def found(speed: float = 1.0, device: str = "Intel(R) Xeon(R) Processor") -> dict[str, Any]:
    """A result file's content; `speed` makes all ratios larger."""
    listed = [Stage("head_only", (3,), 2), Stage("full", (1,), 1), Stage("lora", (3,), 1)]
    rows = all_rows(variants(), listed, Sizes(10, 100, 300)) | causal_rows(causal())
    for row in rows.values():
        for name in ("default", "tuned"):
            row[f"ratio_to_{name}"] *= speed
            row[f"ratio_to_{name}_range"] = [x * speed for x in row[f"ratio_to_{name}_range"]]
    return {
        "machine": {"device": device, "threads": 2, "versions": {"torch": "2.13.0"}},
        "peak_gflops": {name: {"median": 100.0, "rounds": [100.0]} for name in ("fp32", "bf16")},
        "rows": rows,
        "variants": {
            name: {
                "peak_memory_bytes": took.peak_memory_bytes,
                "first_step": took.first_step,
                "real_tokens_per_second": 12345.6,
                "bf16_peak_share": 0.5,
                "fp32_peak_share": 0.25,
            }
            for name, took in variants().items()
        },
        "accuracy": {
            "sentences": 3000,
            "accuracy": {"default": 0.78, "ours": 0.79, "tuned": 0.77},
            "same_as_default": {"default": 1.0, "ours": 0.95, "tuned": 0.97},
        },
        "profile": {
            "ms_per_step": {
                **{"matrix products": 33.0, "attention": 32.0, "gelu": 10.6},
                **{"other operations": 9.0, "copies, casts, gathers": 3.8, "norms": 0.3},
                **{"softmax": 0.0, "optimiser": 0.4},
            }
        },
    }


@pytest.mark.parametrize("speed", [0.05, 1.0, 40.0, 1000.0])
@pytest.mark.parametrize("device", ["Intel(R) Xeon(R) Processor", "NVIDIA H200"])
def test_no_text_is_cut_off_or_covered(speed: float, device: str) -> None:
    with style.styled():
        check_texts(figure.draw(found(speed, device)))


def test_every_ratio_is_written_and_small_kinds_are_drawn_as_one() -> None:
    content = found()
    with style.styled():
        words = [text for text, *_ in drawn_texts(figure.draw(content))]
    for row in content["rows"].values():
        for name in ("default", "tuned"):
            assert f"{row[f'ratio_to_{name}']:.1f}×" in words
    assert "all smaller kinds" in words
    assert "softmax" not in words


def test_without_instructs_pairs_there_are_no_causal_rows() -> None:
    content = found()
    whole = [text for text, *_ in drawn_texts(figure.draw(content))]
    content["rows"] = {k: v for k, v in content["rows"].items() if not k.startswith("causal")}
    words = [text for text, *_ in drawn_texts(figure.draw(content))]
    assert [text for text in whole if "anguage model" in text]
    assert not [text for text in words if "anguage model" in text]
    assert "language model" not in report.table(content)


def test_the_table_names_every_row_and_variant() -> None:
    content = found()
    table = report.table(content)
    for label in report.ROWS.values():
        assert label in table
    for name in content["variants"]:
        assert name in table
    assert "6.00 (4.00 - 7.00)" in table
    assert "ours 79.0 %" in table
