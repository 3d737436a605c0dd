"""The forecast in words: a table of stages, what more would add, and one line for all of it."""

from __future__ import annotations

from collections.abc import Iterator

from forecast.clock import Span
from forecast.estimate import Cost
from forecast.fit import Fit
from forecast.pipeline import Run
from forecast.whole_study import Forecast
from study.words.phrases import counted
from study.words.text_table import align

MIB, GIB = 1024**2, 1024**3
BUSY = 1.15  # times as long as alone: from here on it is said that the machine is busy
UNCOVERED = "not covered: methods/, stacking/, drift/, instruct/, which have pipelines of their own"


def duration(seconds: float) -> str:
    """Return a time as people say it: of two parts at the most, rounded."""
    if seconds < 59.5:
        return counted(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    if minutes < 100:
        return counted(minutes, "minute")
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min"


def size(number: float) -> str:
    """Return a number of bytes in MiB, or in GiB from 0.95 on."""
    return f"{number / GIB:.1f} GiB" if number >= 0.95 * GIB else f"{number / MIB:.0f} MiB"


def lines(found: Forecast) -> Iterator[str]:
    """Yield the table and what stands below it, but for the last line."""
    rows = [("stage", "", "time", "memory", "disk")]
    for stage, cost in found.costs.items():
        rows.append((stage, found.runs[stage].value, *_cells(cost)))
    yield from align(rows)
    yield ""
    maybe = found.total(Run.MAYBE)
    if maybe.alone:
        yield f"stages that may run, if what they read comes out otherwise: {duration(maybe.alone)}"
    rank, more = found.rank
    yield f"one more block of seeds adds {duration(found.block.alone)} of training"
    yield f"one more rank ({rank}), in every block, adds {duration(more.alone)}"
    yield f"full fine-tuning, its blocks and its control take {duration(found.full.alone)} of it"
    yield f"until it ends, a stage keeps up to {size(found.checkpoint_bytes)} in checkpoints/"
    yield UNCOVERED


def _cells(cost: Cost) -> tuple[str, str, str]:
    memory = cost.memory_bytes if cost.gpu_bytes is None else cost.gpu_bytes
    return duration(cost.seconds.alone), size(memory), size(cost.disk_bytes)


def last_line(found: Forecast) -> str:
    """Return the whole in one line: «about 7 minutes, 1.4 GiB»."""
    runs = found.total(Run.YES)
    if not runs.alone:
        return "nothing to run: every stage is up to date"
    memory, left = found.memory(Run.YES), found.disk(Run.YES)
    return f"about {duration(runs.alone)}, {size(memory)} ({size(left)} of disk)"


def busy(runs: Span) -> str | None:
    """Say how long it takes while the machine does other work too; None where it does not."""
    if runs.wall < BUSY * runs.alone:
        return None
    return (
        f"this machine is busy: while it is, {duration(runs.wall)}; the times here are without that"
    )


def fits(found: Fit, memory_bytes: int, where: str) -> str:
    """Say whether training fits into memory, and what would make it fit."""
    has = f"{where} of {size(memory_bytes)}"
    if found.fits:
        return f"it fits {has}"
    if not found.changes:
        return f"it does not fit {has}, and no setting of train would make it fit"
    flags = " ".join(f"-S train.{name}={_yaml(value)}" for name, value in found.changes.items())
    assert found.peak_bytes is not None
    return f"it does not fit {has}; with {flags} it takes {size(found.peak_bytes)} and does"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
