"""The memory of training, in a process of its own for every arm."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from study.analyses.cost import memory
from study.records import prepared
from tests.study.analyses.cost import small


def test_each_arm_has_a_peak_of_its_own(tmp_path):
    prepared.save(small.data(), tmp_path)
    found = memory.peaks(small.chosen(), tmp_path, [("lora", 1), ("full", None)])
    assert [(row["arm"], row["rank"]) for row in found] == [("lora", 1), ("full", None)]
    for row in found:
        assert 10e6 < row["idle_memory_bytes"] <= row["peak_memory_bytes"] < 4e9
        assert row["peak_gpu_memory_bytes"] is None


def test_a_process_that_was_ended_leaves_a_reason(monkeypatch):
    class Ended:
        def __init__(self, *_, **__) -> None:
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            pass

        def submit(self, *_):
            raise BrokenProcessPool

    monkeypatch.setattr(memory, "ProcessPoolExecutor", Ended)
    (row,) = memory.peaks(small.chosen(), "", [("full", None)])
    assert row["arm"] == "full"
    assert "memory" in row["reason"]
