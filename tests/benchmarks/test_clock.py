"""What counts as a step's time, told by a clock that the test turns."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from benchmarks import clock as clock_module
from benchmarks.clock import Channel, Clock


class Time:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(clock_module, "time", made)
    return made


class Parent(Channel):
    """Answers with the next number, after a long pause."""

    def __init__(self, time: Time, *answers: int) -> None:
        super().__init__(io.StringIO(), io.StringIO())
        self._time, self._answers = time, list(answers)
        self.heard: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    def receive(self) -> int:
        self._time.now += 1000
        return self._answers.pop(0)


def steps(clock: Clock, time: Time, *seconds: float) -> None:
    for each in seconds:
        time.now += each
        clock.step()


def test_pauses_and_evaluations_are_no_part_of_a_step(time: Time) -> None:
    parent = Parent(time, 3, 2, 0)
    clock = Clock(parent, 60.0, warmup=1, steps_per_epoch=3, synchronize=lambda: None)
    time.now += 7  # the model is loaded
    clock.begin()
    steps(clock, time, 1, 2, 4)  # warm-up, then two of the chunk; the epoch ends
    time.now += 50
    clock.validated()
    steps(clock, time, 8)  # the chunk's last
    steps(clock, time, 16, 32)  # a whole chunk, which ends with the epoch
    time.now += 60
    clock.validated()
    time.now += 70
    clock.tested()
    assert parent.heard == [
        {"steps": 1, "seconds": 1.0},
        {"steps": 3, "seconds": 2.0 + 4 + 8},
        {"steps": 2, "seconds": 16.0 + 32},
    ]
    assert clock.result() == {"first_step": 48.0, "validations": [50.0, 60.0], "test": 70.0}


def test_after_zero_it_never_waits_again(time: Time) -> None:
    parent = Parent(time, 0)
    clock = Clock(parent, 0.0, warmup=2, steps_per_epoch=100, synchronize=lambda: None)
    clock.begin()
    steps(clock, time, *[1.0] * 50)
    assert len(parent.heard) == 1
    assert clock.steps == 50


def test_a_sample_may_end_in_the_middle_of_an_epoch(time: Time) -> None:
    parent = Parent(time, 5)
    clock = Clock(parent, 0.0, warmup=1, steps_per_epoch=100, synchronize=lambda: None)
    clock.begin()
    steps(clock, time, 1, 2)
    time.now += 4
    clock.step(last=True)
    time.now += 9
    clock.validated()
    assert clock.result()["validations"] == [9.0]


def test_the_device_is_waited_for_at_the_ends_of_chunks_alone(time: Time) -> None:
    waits = []
    parent = Parent(time, 0)
    clock = Clock(parent, 0.0, 4, steps_per_epoch=8, synchronize=lambda: waits.append(clock.steps))
    clock.begin()
    steps(clock, time, *[1.0] * 8)
    # The begin, the first step, the chunk's end and the new chunk's begin, the epoch's end.
    assert waits == [0, 1, 4, 4, 8]


def test_messages_are_lines_of_json_and_a_child_ends_with_its_parent() -> None:
    sink = io.StringIO()
    channel = Channel(io.StringIO("12\n"), sink)
    channel.send({"steps": 3})
    assert json.loads(sink.getvalue()) == {"steps": 3}
    assert channel.receive() == 12
    with pytest.raises(EOFError):
        channel.receive()
