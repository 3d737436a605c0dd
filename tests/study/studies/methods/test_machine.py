"""What was measured of a method, and how far chance puts such numbers apart."""

from __future__ import annotations

from typing import Any

import pytest

from study.studies.methods.comparison.machine import latency_noise, memory_noise, memory_words, peak
from tests.study.studies.methods.made import machine


def held(**rows: Any) -> dict[str, Any]:
    return {"memory": [{"arm": name, **row} for name, row in rows.items()]}


def test_a_peak_is_beyond_the_idle_process_where_that_is_known() -> None:
    rows = held(
        lora={"peak_memory_bytes": 700, "idle_memory_bytes": 300, "peak_gpu_memory_bytes": None},
        qlora={"peak_memory_bytes": 700, "peak_gpu_memory_bytes": None},
        dora={"peak_memory_bytes": 700, "idle_memory_bytes": 300, "peak_gpu_memory_bytes": 50},
        full={"reason": "the process was ended"},
    )
    assert [peak(rows, name) for name in ("lora", "qlora", "dora", "full", "ia3")] == [
        *(400, 700, 50, None, None)
    ]
    assert peak(None, "lora") is None


def test_noise_of_memory_is_what_equal_methods_differ_by() -> None:
    rows = held(
        lora={"peak_memory_bytes": 500, "idle_memory_bytes": 300},
        rslora={"peak_memory_bytes": 520, "idle_memory_bytes": 300},
        dora={"peak_memory_bytes": 900, "idle_memory_bytes": 300},
    )
    noise = memory_noise(rows)
    assert noise.share == pytest.approx(0.1)
    assert noise.why.startswith("LoRA and rsLoRA train the same shapes")
    assert memory_noise(machine()).share == 0.04  # one of them alone tells nothing
    assert memory_noise(None).share == 0.04


def test_a_memory_says_what_it_is_of() -> None:
    assert "beyond the 300 MB" in memory_words(machine())
    assert memory_words(held(lora={"peak_memory_bytes": 5})).endswith("libraries included")
    on_gpu = held(lora={"peak_memory_bytes": 5, "peak_gpu_memory_bytes": 3})
    assert memory_words(on_gpu) == "the peak of tensors on the GPU"


def test_bitfits_latency_shows_the_noise() -> None:
    made = machine()
    assert latency_noise(made) == []
    made["latency"].append({"arm": "bitfit", "ratio": {"median": 0.96, "low": 0.9, "high": 1.03}})
    assert "0.96 [0.90, 1.03] of the base's" in latency_noise(made)[0]
