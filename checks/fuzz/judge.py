"""The law that every case of bad input is held to, and what became of one.

A case is accepted with a right value, or refused with one clear error: a `StudyError` whose message
names the key or the file and is not too long to read. Either way within `SECONDS` of a processor
and `MEMORY` above what the process had, and no file that was there is changed; where it is refused,
none is made. All else is a find. What escapes is named by the place in this project where it did.
"""

from __future__ import annotations

import hashlib
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from study.entry.errors import StudyError

SECONDS = 10  # of a processor
MEMORY = 2 << 30  # bytes
LONGEST = 20_000  # characters of an error: about 150 wrong settings
ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 300  # characters
_ROOMS = ("study", "lora", "stages")
ACCEPTED, REFUSED, FIND = "accepted", "refused", "find"


def nothing_wrong(result: Any) -> str | None:
    """Take whatever was accepted for right: where what was read says no more than that."""
    del result
    return None


@dataclass(frozen=True)
class Made:
    """A case as it lies on the disk.

    Attributes:
        family: what was done to what, in words.
        run: reads it as the stages do.
        names: of which a refusal has to have one.
        wrong: says what is wrong with what `run` returned; None for nothing.
        writes: whether `run` may write new files once it has accepted.
    """

    family: str
    run: Callable[[], Any]
    names: tuple[str, ...]
    wrong: Callable[[Any], str | None] = nothing_wrong
    writes: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        verdict: `ACCEPTED`, `REFUSED` or `FIND`.
        told: of a find, what broke the law: the same words for the same fault.
        shown: the error that refused it, if one did.
    """

    family: str
    verdict: str
    told: str = ""
    shown: str = ""


class _Late(BaseException):
    """The time is over; no `except Exception` catches it."""


def judge(made: Made, folder: Path) -> Outcome:
    """Run a case and hold it to the law.

    Args:
        folder: of the case and of what stands beside it: all of it is watched.
    """
    before = _contents(folder)
    _forget_peak()
    start = _memory("VmRSS")
    verdict, told, shown = _run(made)
    taken = _memory("VmHWM") - start
    after = _contents(folder)
    if verdict != FIND and taken > MEMORY:
        verdict, told = FIND, "more than 2 GiB of memory"
    harmed = sorted(name for name, content in before.items() if after.get(name) != content)
    if harmed:
        verdict, told = FIND, f"{harmed[0]} was changed"
    made_anew = sorted(after.keys() - before.keys())
    if made_anew and verdict != FIND and not (made.writes and verdict == ACCEPTED):
        verdict, told = FIND, f"{made_anew[0]} was made"
    return Outcome(made.family, verdict, told, shown)


def _run(made: Made) -> tuple[str, str, str]:
    """Return the verdict so far, what is told, and the error."""
    try:
        with _limited():
            result = made.run()
    except StudyError as error:
        unclear = _unclear(str(error), made.names)
        return FIND if unclear else REFUSED, unclear or "", str(error)[:_SHOWN]
    except _Late as error:
        return FIND, f"{_place(error)}: more than {SECONDS} s", ""
    except BaseException as error:
        return FIND, f"{_place(error)}: {type(error).__name__}", repr(error)[:_SHOWN]
    wrong = made.wrong(result)
    return FIND if wrong else ACCEPTED, wrong or "", ""


def _unclear(message: str, names: tuple[str, ...]) -> str | None:
    """Say what is wrong with an error; None for nothing."""
    if len(message) > LONGEST:
        return f"an error of more than {LONGEST:,} characters"
    if not any(name in message for name in names):
        return "an error that names neither key nor file"
    if "Traceback" in message or " object at 0x" in message:
        return "an error that shows the program's inside"
    return None


def _place(error: BaseException) -> str:
    """Name the last function of this project that an exception came through."""
    found = "outside of the rooms"
    for frame, _ in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in _ROOMS:
            found = f"{path.relative_to(ROOT).as_posix()} {frame.f_code.co_name}"
    return found


@contextmanager
def _limited() -> Iterator[None]:
    """Raise `_Late` in what takes too long."""

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _contents(folder: Path) -> dict[str, str]:
    """Return what every file below a folder holds, as a hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _forget_peak() -> None:
    """Let the kernel count this process's peak of memory from now on (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def virtual_memory() -> int:
    """Return how many bytes of addresses this process has."""
    return _memory("VmSize")


def _memory(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) << 10
    raise KeyError(field)
