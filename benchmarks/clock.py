"""Times training steps in a child, and lets it work only when the parent says so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TextIO


class Channel:
    """Lines of JSON to the parent, numbers of steps from it."""

    def __init__(self, source: TextIO, sink: TextIO) -> None:
        self._source, self._sink = source, sink

    def send(self, message: dict[str, Any]) -> None:
        """Tell the parent something."""
        self._sink.write(json.dumps(message) + "\n")
        self._sink.flush()

    def receive(self) -> int:
        """Wait for the number of steps to do next; 0: all that are left, without a wait.

        Raises:
            EOFError: the parent is gone, so that nobody wants the rest.
        """
        line = self._source.readline()
        if not line:
            raise EOFError("the benchmark's parent process is gone")
        return int(line)


class Clock:
    """What a training loop calls at its turns, whoever wrote it.

    A step lasts from the end of the step before it (in an epoch: from the epoch's begin) to its own
    end: fetching and collating the batch belong to it, evaluation and the parent's pauses do not.

    Args:
        started: `time.monotonic()` when the process was started.
        warmup: steps of the first chunk, after which the clock waits; 0 never waits.
        steps_per_epoch: after so many steps comes an evaluation.
        synchronize: waits until a device has done what it was given.
    """

    def __init__(
        self,
        channel: Channel,
        started: float,
        warmup: int,
        steps_per_epoch: int,
        synchronize: Callable[[], None],
    ) -> None:
        self._channel, self._started, self._synchronize = channel, started, synchronize
        self._per_epoch = steps_per_epoch
        self._left = self._chunk = warmup
        self._seconds = self._since = 0.0
        self.steps = 0
        self.first_step = 0.0
        self.validations: list[float] = []
        self.test: float | None = None

    def begin(self) -> None:
        """An epoch begins."""
        self._since = self._now()

    def step(self, last: bool = False) -> None:
        """A step ended; `last`: evaluation comes next, even if the epoch is not over."""
        self.steps += 1
        self._left -= 1
        last = last or self.steps % self._per_epoch == 0
        if self.steps == 1:
            self._synchronize()
            self.first_step = time.monotonic() - self._started
        if self._left and not last:
            return
        now = self._now()
        self._seconds += now - self._since
        self._since = now
        if self._left == 0:
            self._channel.send({"steps": self._chunk, "seconds": self._seconds})
            self._left = self._chunk = self._channel.receive()
            self._seconds = 0.0
            self._since = self._now()

    def validated(self) -> None:
        """The evaluation at an epoch's end is over."""
        now = self._now()
        self.validations.append(now - self._since)
        self._since = now

    def tested(self) -> None:
        """The evaluation of the test sentences, right after the last validation, is over."""
        self.test = self._now() - self._since

    def result(self) -> dict[str, Any]:
        """Return what was measured outside the chunks, in seconds."""
        return {
            "first_step": self.first_step,
            "validations": self.validations,
            "test": self.test,
        }

    def _now(self) -> float:
        self._synchronize()
        return time.perf_counter()
