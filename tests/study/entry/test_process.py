"""What a training process asks of its memory and threads, and that asking does no harm."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.entry import process
from study.entry.process import SETTINGS

ROOT = Path(__file__).resolve().parents[3]


def python(code: str, **environment: str) -> Any:
    """Run code in a process of its own; return the JSON that it prints."""
    known = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=known | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


REPORT = f"print(json.dumps({{name: os.environ.get(name) for name in {list(SETTINGS)!r}}}))"


def test_importing_the_stages_sets_what_is_not_set_before_torch_is_loaded() -> None:
    code = f"import json, os, sys, stages; assert 'torch' not in sys.modules; {REPORT}"
    assert python(code) == SETTINGS
    name = next(iter(SETTINGS))
    assert python(code, **{name: "7"}) == SETTINGS | {name: "7"}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_environment_says_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "keep_freed_memory", lambda: None)
    for other in SETTINGS:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "")
    process.prepare()
    assert {other: os.environ[other] for other in SETTINGS} == SETTINGS | {name: ""}


PROBE = """
import gc, json
before = gc.isenabled()
from study.entry import command
command.run(lambda: print(json.dumps([before, gc.isenabled(), gc.get_freeze_count() > 1000])))
"""


def test_a_stage_collects_no_garbage_until_it_has_imported_what_it_needs(tmp_path: Path) -> None:
    package = tmp_path / "probe"
    package.mkdir()
    shutil.copy(ROOT / "stages/__init__.py", package)
    (package / "stage.py").write_text(PROBE)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "probe.stage"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, True, True]


def test_who_imports_a_stage_keeps_collecting_garbage() -> None:
    assert python(
        "import gc, json; from study.entry import command; print(json.dumps(gc.isenabled()))"
    )


def test_every_stage_starts_through_the_command_line_that_ends_this() -> None:
    others = ("__init__", "one_method")  # the last is of two stages
    stages = [path for path in (ROOT / "stages").rglob("*.py") if path.stem not in others]
    started = re.compile(r"^    (command\.)?run\(main\)$", re.MULTILINE)
    assert stages
    assert [path for path in stages if not started.search(path.read_text())] == []


# One process answers both questions below, so that torch is imported once. Of a tensor whose pages
# are new, 10,240 are counted.
MEMORY = """
import json, resource
from concurrent.futures import ThreadPoolExecutor
from study.entry import process
import torch
def take(size):
    return int(torch.ones(size << 20, dtype=torch.uint8)[-1]) * size
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        take(40)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
given_back = faults(2)
process.keep_freed_memory()
faults(10)  # until a place is found that is large enough
kept = faults(2)
process.prepare()
process.prepare()
with ThreadPoolExecutor(3) as pool:
    threads = list(pool.map(take, [1, 70, 130, 40, 150, 3]))
print(json.dumps({"given_back": given_back, "kept": kept, "threads": threads}))
"""


@pytest.fixture(scope="module")
def memory() -> dict[str, Any]:
    return dict(python(MEMORY, THP_MEM_ALLOC_ENABLE="0"))  # small pages, which can be counted


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_freed_memory_is_taken_again_without_new_pages(memory: dict[str, Any]) -> None:
    assert memory["given_back"] > 10_000
    assert memory["kept"] < memory["given_back"] / 10  # measured: 0 and 20,480


def test_threads_may_still_take_large_tensors(memory: dict[str, Any]) -> None:
    """An arena of another thread than the first holds 64 MiB at most."""
    assert memory["threads"] == [1, 70, 130, 40, 150, 3]


def test_where_there_is_no_mallopt_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    process.keep_freed_memory()

    def refuse(_: object) -> None:
        raise AssertionError("a library was opened")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    process.keep_freed_memory()
