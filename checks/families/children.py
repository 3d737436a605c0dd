"""Every family in a process of its own: a crash, a hang or a leak of one stops no other.

Processes are forked, so that what is imported once serves them all.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
from transformers.utils import logging

from checks.families.compare import FAULT, Outcome, compare

AT_ONCE = 2
SECONDS = 120  # of a processor, of which a family takes about two
_PATIENCE = 10  # times as long by the clock, on a machine that is busy with other work

Job = tuple[str, str]  # family and kind


@dataclass(frozen=True)
class _Child:
    job: Job
    process: Any
    results: Connection
    started: float


def outcomes(jobs: Sequence[Job], seconds: int = SECONDS) -> Iterator[Outcome]:
    """Yield what becomes of every family, in the order in which they are done.

    Args:
        seconds: of a processor that each may take.
    """
    waiting, running = list(reversed(jobs)), list[_Child]()
    torch.set_num_threads(1)  # a fork must not find threads that wait for one another
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(_start(waiting.pop(), seconds))
        wait([child.results for child in running], timeout=1)
        for child in list(running):
            outcome = _ended(child, seconds)
            if outcome is not None:
                running.remove(child)
                yield outcome


def _start(job: Job, seconds: int) -> _Child:
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, seconds, theirs))
    process.start()
    theirs.close()
    return _Child(job, process, ours, time.monotonic())


def _ended(child: _Child, seconds: int) -> Outcome | None:
    """Return a child's outcome once it has one, or has died, or has taken too long."""
    late = time.monotonic() - child.started > _PATIENCE * seconds
    if not late and not child.results.poll():
        return None
    outcome = Outcome(*child.job, FAULT, f"no answer within {seconds} seconds")
    if not late:
        try:
            outcome = child.results.recv()
        except EOFError:
            child.process.join()
            if (code := child.process.exitcode) != -signal.SIGXCPU:
                outcome = Outcome(*child.job, FAULT, f"the process ended with {code}")
    child.process.kill()
    child.process.join()
    child.results.close()
    return outcome


def _work(job: Job, seconds: int, results: Connection) -> None:
    """Compare, with nothing said: what transformers prints of a random model helps nobody."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    logging.disable_progress_bar()
    results.send(compare(*job))
