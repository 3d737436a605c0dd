"""Full fine-tuning's large tensors are given back when they are freed, whatever came before."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from study.studies.instruct.training import memory

ROOT = Path(__file__).resolve().parents[4]

# A tensor below the largest is still there, so that no heap could shrink under it. Each way has a
# process of its own, a fork of one that has imported torch.
HELD = """
import os
from study.entry import process
process.keep_freed_memory()
import torch
from study.studies.instruct.training import memory
def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20
def comes_and_goes():
    before = held()
    large = torch.ones(200 << 20, dtype=torch.uint8)
    small = torch.ones(1 << 20, dtype=torch.uint8)
    assert held() - before > 190
    del large
    print(held() - before, flush=True)
for prepare in (lambda: None, memory.give_back_large):
    if (process := os.fork()) == 0:
        prepare()
        comes_and_goes()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_what_is_freed_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kept, given_back = map(int, done.stdout.split())  # MiB more than before
    assert kept > 190
    assert given_back < 20


def test_where_there_is_no_mallopt_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back_large()

    def refuse(_: object) -> None:
        raise AssertionError("a library was opened")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.give_back_large()
