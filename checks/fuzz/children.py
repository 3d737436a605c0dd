"""Groups of cases in processes of their own, forked: a crash, a hang or a leak stops no other case.

What is imported and made once, before, serves them all. Each case has a fresh folder, beside one
that nothing may touch.
"""

from __future__ import annotations

import os
import resource
import tempfile
import warnings
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from checks.fuzz.judge import FIND, MEMORY, Made, Outcome, judge, virtual_memory

GROUP = 50  # cases, after which a process ends
WAIT = 120  # seconds by the clock for one case, on a machine that is busy with other work


class Kind(Protocol):
    """A kind of bad input."""

    @property
    def name(self) -> str:
        """As on the command line."""

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Make what all cases share, and start no thread: processes are forked after it.

        Args:
            folder: that stays until the end.
        """

    def make(self, number: int, folder: Path) -> Made:
        """Write the case of this number, of those that were asked for, into an empty folder."""


def outcomes(kind: Kind, cases: int, seed: int) -> Iterator[Outcome]:
    """Yield what becomes of every case, in order."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as shared:
        kind.ready(cases, seed, Path(shared))
        left = list(range(cases))
        while left:
            done = yield from _group(kind, left[:GROUP], Path(shared))
            left = left[done:]


def _group(kind: Kind, numbers: Sequence[int], shared: Path) -> Generator[Outcome, None, int]:
    """Yield outcomes until one case ends the process, or all are done; return how many."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(kind, numbers, shared, theirs))
    process.start()
    theirs.close()
    try:
        for done in range(len(numbers)):
            family, told = f"case {numbers[done]}", f"no answer within {WAIT} s"
            try:
                if ours.poll(WAIT):
                    family = ours.recv()
                if ours.poll(WAIT):
                    yield ours.recv()
                    continue
            except EOFError:
                process.join()
                told = f"the process ended with {process.exitcode}"
            yield Outcome(family, FIND, told)
            return done + 1
        return len(numbers)
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(kind: Kind, numbers: Sequence[int], shared: Path, results: Connection) -> None:
    """Judge cases one after the other; of each send its family, then what became of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    warnings.simplefilter("ignore")
    most = virtual_memory() + 2 * MEMORY  # addresses, of which more are taken than are filled
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for number in numbers:
        with tempfile.TemporaryDirectory(dir=shared) as name:
            case = Path(name) / "case"
            case.mkdir()
            (Path(name) / "beside.txt").write_text("nobody's business")
            os.chdir(case)
            made = kind.make(number, case)
            results.send(made.family)
            results.send(judge(made, Path(name)))
            os.chdir("/")
