"""Full fine-tuning's large tensors are given back when they are freed, whatever came before."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from study.studies.instruct.training import memory

ROOT = Path(__file__).resolve().parents[4]

# A tensor below the largest is still there, so that no heap could shrink under it.
HELD = """
import json
from study.entry import process
process.keep_freed_memory()
import torch
from study.studies.instruct.training import memory
if {given_back}: memory.give_back_large()
def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20
before = held()
large = torch.ones(200 << 20, dtype=torch.uint8)
small = torch.ones(1 << 20, dtype=torch.uint8)
assert held() - before > 190
del large
print(json.dumps(held() - before))
"""


def held(given_back: bool) -> int:
    """Return the MiB that a process holds more after a tensor of 200 has come and gone."""
    code = HELD.format(given_back=given_back)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_what_is_freed_is_given_back() -> None:
    assert held(given_back=False) > 190
    assert held(given_back=True) < 20


def test_where_there_is_no_mallopt_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back_large()

    def refuse(_: object) -> None:
        raise AssertionError("a library was opened")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.give_back_large()
